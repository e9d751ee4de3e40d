"""Answers of responders (OCSP): the second way, for what no revocation list tells.  [RFC6960]

The receive path asks `find`, which never waits. `get` puts the question, once for all who ask, and
remembers the answer in memory and on disk until its next update; `refresh` renews it before. A
responder that is down is left alone for a while, whichever certificate is asked for.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from as4.certificates import (
    Certificate,
    OcspAnswer,
    Revocation,
    UnusableMaterial,
    build_ocsp_request,
    parse_ocsp,
)
from as4.certificates.ocsp import ANSWER_BYTES_MAX, REQUEST_TYPE
from gateway.errors import Unavailable
from gateway.ports import HttpAsker
from gateway.trust.kept import KeptFiles, name_of

ANSWERS_MAX = 2_048  # LIMIT: Peppol has some 700 access points; each has one or two certificates.
RESPONDERS_MAX = 64  # LIMIT: how many responders that are down are remembered; a PKI has one.
URLS_MAX = 2  # LIMIT: of one certificate; Peppol's name one.
ASK_TIMEOUT_SECONDS = 5.0  # LIMIT: a peer waits for its receipt meanwhile, at most once.
RETRY_AFTER = timedelta(seconds=15)  # LIMIT: between two questions that come to nothing.
REFRESH_AFTER = timedelta(hours=1)  # LIMIT: the age at which an answer is asked for again.

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    """What responders said of one certificate."""

    certificate: Certificate
    issuer: x509.Certificate
    answer: OcspAnswer | None = None
    asked_at: datetime | None = None
    failed_at: datetime | None = None
    disk_tried: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Responders:
    """What the responders named in certificates say, by certificate; *folder* keeps it."""

    def __init__(self, *, asker: HttpAsker, folder: Path) -> None:
        self._asker = asker
        self._kept = KeptFiles(folder, "ocsp", files_max=ANSWERS_MAX)
        self.generation = 0
        """Grows whenever an answer changes."""
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._down: OrderedDict[str, datetime] = OrderedDict()

    def find(self, certificate: Certificate) -> OcspAnswer | None:
        """Return the answer about *certificate* that is in memory, however old; never waits."""
        entry = self._entries.get(certificate.fingerprint)
        return None if entry is None else entry.answer

    async def get(
        self, certificate: Certificate, issuer: x509.Certificate, now: datetime
    ) -> OcspAnswer | None:
        """Return the answer about *certificate*, which *issuer* issued, or None.

        It comes from memory, disk or network, in this order.  What is past its next update is
        asked for again, and returned all the same if that fails.
        """
        entry = self._entry(certificate, issuer)
        if _counts(entry, now):
            return entry.answer
        async with entry.lock:
            await self._read_disk(entry, now)
            if not _counts(entry, now):
                await self._renew(entry, now)
            return entry.answer

    async def refresh(
        self, certificate: Certificate, issuer: x509.Certificate, now: datetime
    ) -> None:
        """Ask about *certificate* again when the answer is an hour old or near its end."""
        entry = self._entry(certificate, issuer)
        async with entry.lock:
            await self._read_disk(entry, now)
            if _is_due(entry, now):
                await self._renew(entry, now)

    def _entry(self, certificate: Certificate, issuer: x509.Certificate) -> _Entry:
        entry = self._entries.get(certificate.fingerprint)
        if entry is None:
            entry = self._entries[certificate.fingerprint] = _Entry(certificate, issuer)
            if len(self._entries) > ANSWERS_MAX:
                self._entries.popitem(last=False)
        self._entries.move_to_end(certificate.fingerprint)
        return entry

    async def _renew(self, entry: _Entry, now: datetime) -> None:
        """Ask the certificate's responders in turn until one gives an answer that holds."""
        if _is_recent(entry.failed_at, now):
            return
        for url in entry.certificate.ocsp_urls[:URLS_MAX]:
            if not _is_recent(self._down.get(url), now) and await self._ask(entry, url, now):
                entry.asked_at, entry.failed_at = now, None
                return
        entry.failed_at = now

    async def _ask(self, entry: _Entry, url: str, now: datetime) -> bool:
        """Take the answer of the responder at *url*; say whether it is one that counts."""
        try:
            content = await self._asker.ask(
                url,
                content_type=REQUEST_TYPE,
                body=build_ocsp_request(entry.certificate.x509, entry.issuer),
                bytes_max=ANSWER_BYTES_MAX,
                timeout_seconds=ASK_TIMEOUT_SECONDS,
            )
        except Unavailable as error:
            self._note_down(url, now)
            _LOG.warning("OCSP responder not reached", extra={"url": url, "why": str(error)})
            return False
        try:
            answer = await asyncio.to_thread(_read_current, content, entry, now)
        except UnusableMaterial as error:
            _LOG.warning("OCSP answer not usable", extra={"url": url, "why": str(error)})
            return False
        await self._take(entry, answer, content)
        return True

    async def _take(self, entry: _Entry, answer: OcspAnswer, content: bytes) -> None:
        """Keep *answer* unless a newer one is at hand: an older one may be replayed."""
        if entry.answer is not None and answer.this_update < entry.answer.this_update:
            _LOG.warning("an older OCSP answer is not taken", extra=_names(entry))
            return
        entry.answer = answer
        self.generation += 1
        if answer.status is Revocation.UNKNOWN:
            return
        try:
            await asyncio.to_thread(self._kept.write, _file_name(entry), content)
        except OSError as error:
            # A full disk must not stop the mail.
            _LOG.warning("OCSP answer not kept", extra={**_names(entry), "why": str(error)})

    async def _read_disk(self, entry: _Entry, now: datetime) -> None:
        """Take the answer kept on disk, judged like one from the network."""
        if entry.disk_tried:
            return
        entry.disk_tried = True
        try:
            content = await asyncio.to_thread(self._kept.read, _file_name(entry), ANSWER_BYTES_MAX)
            if content is None:
                return
            entry.answer = await asyncio.to_thread(_read, content, entry, now)
        except (OSError, UnusableMaterial) as error:
            _LOG.warning("kept OCSP answer not usable", extra={**_names(entry), "why": str(error)})
            return
        entry.asked_at = entry.answer.this_update
        self.generation += 1

    def _note_down(self, url: str, now: datetime) -> None:
        self._down[url] = now
        self._down.move_to_end(url)
        if len(self._down) > RESPONDERS_MAX:
            self._down.popitem(last=False)


def _read(content: bytes, entry: _Entry, now: datetime) -> OcspAnswer:
    return parse_ocsp(content, entry.certificate.x509, entry.issuer, now)


def _read_current(content: bytes, entry: _Entry, now: datetime) -> OcspAnswer:
    """Read what came from the network, where an old answer may be a replayed one."""
    answer = _read(content, entry, now)
    if now > answer.next_update:
        raise UnusableMaterial(f"the OCSP answer ended at {answer.next_update}")
    return answer


def _is_recent(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and instant <= now < instant + RETRY_AFTER


def _counts(entry: _Entry, now: datetime) -> bool:
    """Say whether the answer needs no newer one yet; what is revoked never does."""
    if entry.answer is None or entry.answer.status is Revocation.UNKNOWN:
        return entry.answer is not None and _is_recent(entry.asked_at, now)
    return entry.answer.status is Revocation.REVOKED or now <= entry.answer.next_update


def _is_due(entry: _Entry, now: datetime) -> bool:
    """Say whether there is no answer, or one that is an hour old or in the last tenth of its life.

    A responder that does not know the certificate is asked again sooner: it may be a new one.
    """
    if entry.answer is None or entry.asked_at is None:
        return True
    if entry.answer.status is Revocation.UNKNOWN:
        return not _is_recent(entry.asked_at, now)
    life = entry.answer.next_update - entry.answer.this_update
    return now >= min(entry.asked_at + REFRESH_AFTER, entry.answer.next_update - life / 10)


def _file_name(entry: _Entry) -> str:
    return name_of(entry.issuer, entry.certificate.fingerprint)


def _names(entry: _Entry) -> dict[str, str]:
    return {"certificate": entry.certificate.subject_cn or entry.certificate.subject}
