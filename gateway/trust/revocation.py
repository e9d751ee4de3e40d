"""Certificate revocation lists: fetched, verified, kept in memory and on disk, renewed in time.

The receive path asks `find`, which never waits: a list is there or it is not. `get` fetches one
that is missing or too old, once for all who ask; `refresh_due` renews lists before they expire,
so that in normal work only the background task speaks to the network.  [RFC5280 §5]

A list past its next update still counts for a grace period: an outage of the list's server must
not stop the mail, and a revocation is published long before that.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from as4.certificates import Crl, UnusableMaterial, parse_crl
from as4.certificates.revocation import CRL_BYTES_MAX
from gateway.errors import Unavailable
from gateway.ports import HttpGetter
from gateway.trust.kept import KeptFiles, name_of

LISTS_MAX = 64  # LIMIT: a PKI has one list for each authority; more means something is odd.
KEPT_MAX = 2 * LISTS_MAX  # LIMIT: files; those of lists that are no longer asked for go first.
FETCH_TIMEOUT_SECONDS = 10.0  # LIMIT: a peer waits for its receipt meanwhile, at most once.
RETRY_AFTER = timedelta(seconds=15)  # LIMIT: between two failing fetches of one list.
REFRESH_AFTER = timedelta(hours=1)  # LIMIT: the age at which a list is asked for again.

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    """What is known of the list at one address."""

    url: str
    issuer: x509.Certificate
    crl: Crl | None = None
    content: bytes = b""
    fetched_at: datetime | None = None
    failed_at: datetime | None = None
    disk_tried: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RevocationLists:
    """The lists of every authority, by address and issuer.

    *folder* keeps them over restarts; *stale_grace* is how long one past its next update counts.
    """

    def __init__(self, *, getter: HttpGetter, folder: Path, stale_grace: timedelta) -> None:
        self._getter = getter
        self._kept = KeptFiles(folder, "crl", files_max=KEPT_MAX)
        self.stale_grace = stale_grace
        self.generation = 0
        """Grows whenever a list changes: an answer of an earlier generation must be asked anew."""
        self._entries: OrderedDict[tuple[str, x509.Certificate], _Entry] = OrderedDict()

    def find(self, url: str, issuer: x509.Certificate) -> Crl | None:
        """Return the list at *url* if it is in memory, however old; never waits."""
        entry = self._entries.get((url, issuer))
        return None if entry is None else entry.crl

    async def get(self, url: str, issuer: x509.Certificate, now: datetime) -> Crl | None:
        """Return the list at *url* from memory, disk or network, in this order, or None.

        What is past its grace is fetched again, and returned all the same if that fails: a
        certificate it revoked stays revoked.  Who asks meanwhile waits for the same fetch.
        """
        entry = self._entry(url, issuer)
        if self._counts(entry, now):
            return entry.crl
        async with entry.lock:
            if entry.crl is None and not entry.disk_tried:
                await self._read_disk(entry, now)
            if not self._counts(entry, now):
                await self._renew(entry, now)
            return entry.crl

    async def refresh_due(self, now: datetime) -> None:
        """Fetch every known list again that is an hour old or near its next update.

        All at once: a server that does not answer keeps no other list waiting.
        """
        async with asyncio.TaskGroup() as group:
            for entry in list(self._entries.values()):
                if _is_due(entry, now):
                    group.create_task(self._refresh(entry, now))

    async def _refresh(self, entry: _Entry, now: datetime) -> None:
        async with entry.lock:
            if _is_due(entry, now):
                await self._renew(entry, now)

    def _entry(self, url: str, issuer: x509.Certificate) -> _Entry:
        entry = self._entries.get((url, issuer))
        if entry is None:
            entry = self._entries[url, issuer] = _Entry(url, issuer)
            if len(self._entries) > LISTS_MAX:
                self._entries.popitem(last=False)
        return entry

    def _counts(self, entry: _Entry, now: datetime) -> bool:
        return entry.crl is not None and now <= entry.crl.next_update + self.stale_grace

    async def _renew(self, entry: _Entry, now: datetime) -> None:
        """Fetch *entry*'s list, unless a fetch failed just now."""
        if entry.failed_at is not None and entry.failed_at <= now < entry.failed_at + RETRY_AFTER:
            return
        try:
            content = await self._getter.get(
                entry.url, bytes_max=CRL_BYTES_MAX, timeout_seconds=FETCH_TIMEOUT_SECONDS
            )
            if content != entry.content:
                crl = await asyncio.to_thread(parse_crl, content, entry.issuer, now)
                await self._take(entry, crl, content, now)
        except (Unavailable, UnusableMaterial) as error:
            entry.failed_at = now
            _LOG.warning("revocation list not renewed", extra={"url": entry.url, "why": str(error)})
            return
        entry.fetched_at, entry.failed_at = now, None

    async def _take(self, entry: _Entry, crl: Crl, content: bytes, now: datetime) -> None:
        """Keep *crl* unless a newer one is at hand: an older one would forget revocations.

        Another process may have kept a newer one on disk meanwhile.
        """
        await self._read_disk(entry, now)
        if entry.crl is not None and crl.is_older_than(entry.crl):
            _LOG.warning("an older revocation list is not taken", extra={"url": entry.url})
            return
        entry.crl, entry.content = crl, content
        self.generation += 1
        try:
            await asyncio.to_thread(self._kept.write, _file_name(entry), content)
        except OSError as error:
            # A full disk must not stop the mail.
            _LOG.warning("revocation list not kept", extra={"url": entry.url, "why": str(error)})

    async def _read_disk(self, entry: _Entry, now: datetime) -> None:
        """Take the list kept on disk if it is newer; it is judged like one from the network."""
        entry.disk_tried = True
        try:
            content = await asyncio.to_thread(self._kept.read, _file_name(entry), CRL_BYTES_MAX)
            if content is None or content == entry.content:
                return
            crl = await asyncio.to_thread(parse_crl, content, entry.issuer, now)
        except (OSError, UnusableMaterial) as error:
            _LOG.warning("kept list not usable", extra={"url": entry.url, "why": str(error)})
            return
        if entry.crl is None or entry.crl.is_older_than(crl):
            entry.crl, entry.content = crl, content
            self.generation += 1


def _file_name(entry: _Entry) -> str:
    return name_of(entry.issuer, entry.url.encode())


def _is_due(entry: _Entry, now: datetime) -> bool:
    """Say whether *entry* is an hour old, or in the last tenth of its life."""
    if entry.crl is None or entry.fetched_at is None:
        return True
    life = entry.crl.next_update - entry.crl.this_update
    return now >= min(entry.fetched_at + REFRESH_AFTER, entry.crl.next_update - life / 10)
