"""Certificate revocation lists: fetched, verified, kept in memory and on disk, renewed in time.

The receive path asks `find`, which never waits: a list is there or it is not. `get` fetches one
that is missing or too old, once for all who ask; `refresh_due` renews lists before they expire,
so that in normal work only the background task speaks to the network.  [RFC5280 §5]

A list past its next update still counts for a grace period: an outage of the list's server must
not stop the mail, and a revocation is published long before that.
"""

import asyncio
import hashlib
import logging
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Crl, UnusableMaterial, parse_crl
from as4.certificates.revocation import CRL_BYTES_MAX
from gateway.errors import Unavailable
from gateway.ports import HttpGetter

LISTS_MAX = 64  # LIMIT: a PKI has one list for each authority; more means something is odd.
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
        self._folder = folder
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
        """Fetch every known list again that is an hour old or near its next update."""
        for entry in list(self._entries.values()):
            if _is_due(entry, now):
                async with entry.lock:
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
        """Fetch *entry*'s list, unless a fetch failed just now; keep the newer one."""
        if entry.failed_at is not None and now < entry.failed_at + RETRY_AFTER:
            return
        try:
            content = await self._getter.get(
                entry.url, bytes_max=CRL_BYTES_MAX, timeout_seconds=FETCH_TIMEOUT_SECONDS
            )
            crl = await asyncio.to_thread(parse_crl, content, entry.issuer, now)
        except (Unavailable, UnusableMaterial) as error:
            entry.failed_at = now
            _LOG.warning("revocation list not renewed", extra={"url": entry.url, "why": str(error)})
            return
        entry.fetched_at, entry.failed_at = now, None
        # An older list than the one at hand would forget revocations: it is not taken.
        if entry.crl is None or crl.this_update >= entry.crl.this_update:
            entry.crl = crl
            self.generation += 1
            await asyncio.to_thread(self._write_disk, entry, content)

    async def _read_disk(self, entry: _Entry, now: datetime) -> None:
        """Take the list kept on disk, judged like one from the network."""
        entry.disk_tried = True
        try:
            content = await asyncio.to_thread(self._path(entry).read_bytes)
            entry.crl = await asyncio.to_thread(parse_crl, content, entry.issuer, now)
            self.generation += 1
        except FileNotFoundError:
            return
        except (OSError, UnusableMaterial) as error:
            _LOG.warning("kept list not usable", extra={"url": entry.url, "why": str(error)})

    def _write_disk(self, entry: _Entry, content: bytes) -> None:
        """Keep *content* for the next start; a full disk must not stop the mail."""
        path = self._path(entry)
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(content)
            fresh.replace(path)
        except OSError as error:
            _LOG.warning("revocation list not kept", extra={"url": entry.url, "why": str(error)})

    def _path(self, entry: _Entry) -> Path:
        issuer = entry.issuer.public_bytes(Encoding.DER)
        name = hashlib.sha256(entry.url.encode() + b"\0" + issuer).hexdigest()
        return self._folder / f"{name}.crl"


def _is_due(entry: _Entry, now: datetime) -> bool:
    """Say whether *entry* is an hour old, or in the last tenth of its life."""
    if entry.crl is None or entry.fetched_at is None:
        return True
    life = entry.crl.next_update - entry.crl.this_update
    return now >= min(entry.fetched_at + REFRESH_AFTER, entry.crl.next_update - life / 10)
