"""Whom we trust: certificates checked once and remembered, and whether they were revoked.

A certificate is checked against the pinned authorities of one use (sign, encrypt) and remembered
by its bytes until the first of its chain expires. Its revocation is asked for every message, of
what is in memory; the issuing authority's own certificate is asked for too.  [RFC5280 §6.3]

Lists come first: one answers for every peer. A responder (OCSP) is asked about what no list tells,
in the background where it can be; its answer is remembered until its next update.  [RFC6960]
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import (
    Anchors,
    Certificate,
    Crl,
    Revocation,
    Use,
    check_certificate,
    load_certificate,
)
from as4.errors import FailedAuthentication
from gateway.clock import Clock
from gateway.trust.keyring import KeyRing
from gateway.trust.responders import Responders
from gateway.trust.revocation import RevocationLists
from gateway.trust.verdict import is_listed_in_time, weigh

CERTIFICATES_MAX = 2_048  # LIMIT: Peppol has some 700 access points; each has one or two.
RECHECK_AFTER = timedelta(hours=1)  # LIMIT: the longest a check is remembered.
ASK_AGAIN_AFTER = timedelta(seconds=10)  # LIMIT: how long the same lists are not read again.
URLS_MAX = 4  # LIMIT: lists of one certificate; Peppol's name one.
REFRESH_TICK_SECONDS = 60.0  # LIMIT: how often the background task looks for what to renew.


@dataclass(frozen=True, slots=True)
class _Link:
    """One certificate of a chain, and who signs the lists that may revoke it."""

    certificate: Certificate
    issuer: x509.Certificate


@dataclass(frozen=True, slots=True)
class _Known:
    """A checked certificate, from when until when the check holds, and its chain."""

    certificate: Certificate
    since: datetime
    until: datetime
    links: tuple[_Link, ...]


@dataclass(frozen=True, slots=True)
class _Good:
    """What was known in *generation* said at *since* that a certificate is good."""

    generation: int
    since: datetime

    def holds(self, generation: int, now: datetime) -> bool:
        """Say whether nothing has changed, and nothing can have grown too old unnoticed."""
        return self.generation == generation and self.since <= now < self.since + ASK_AGAIN_AFTER


class Trust:
    """The access points we believe: pinned authorities, our own keys, and revocation answers.

    *accept_without_address*: whether a certificate that names neither a CRL nor an OCSP address
    may pass; nobody can ever revoke it.
    """

    def __init__(
        self,
        *,
        anchors: Anchors,
        keys: KeyRing,
        lists: RevocationLists,
        responders: Responders,
        accept_without_address: bool,
    ) -> None:
        self.anchors = anchors
        self.keys = keys
        self._lists = lists
        self._responders = responders
        self._accept_without_address = accept_without_address
        self._known: OrderedDict[tuple[Use, bytes], _Known] = OrderedDict()
        self._answers: OrderedDict[bytes, _Good] = OrderedDict()

    def check_signer(self, der: bytes, now: datetime) -> Certificate:
        """Return the access point certificate in *der* if it may sign, else raise.

        Raises FailedAuthentication saying what is wrong.  Revocation is a question of its own.
        """
        return self._check(der, Use.SIGN, now).certificate

    def check_recipient(self, der: bytes, now: datetime) -> Certificate:
        """Return the access point certificate in *der* if we may encrypt for it, else raise."""
        return self._check(der, Use.ENCRYPT, now).certificate

    def check_publisher(self, der: bytes, now: datetime) -> Certificate:
        """Return the metadata publisher's certificate in *der* if it may sign, else raise.

        For a Trust whose authorities are those of publishers.
        """
        return self._check(der, Use.SMP, now).certificate

    def cached_revocation(self, certificate: Certificate, now: datetime) -> Revocation | None:
        """Return the answer if what is in memory gives one, else None; never waits."""
        remembered = self._answers.get(certificate.fingerprint)
        if remembered is not None and remembered.holds(self._generation, now):
            return Revocation.GOOD
        answer = _worst([self._ask_memory(link, now) for link in self._links(certificate)])
        if answer is Revocation.GOOD:
            self._answers[certificate.fingerprint] = _Good(self._generation, now)
            if len(self._answers) > CERTIFICATES_MAX:
                self._answers.popitem(last=False)
        return None if answer is Revocation.UNKNOWN else answer

    async def revocation(self, certificate: Certificate, now: datetime) -> Revocation:
        """Say whether *certificate* or its authority was revoked; UNKNOWN when nobody can say.

        Asks the network only when nothing that counts is at hand: for a list first, then a
        responder; about certificate and authority at once, so that nobody waits twice.
        """
        cached = self.cached_revocation(certificate, now)
        if cached is not None:
            return cached
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(link, now)) for link in self._links(certificate)]
        return _worst([task.result() for task in asked])

    async def run(self, clock: Clock, stop: asyncio.Event) -> None:
        """Keep lists and answers fresh until *stop*: one task for each process, owned by its group.

        Those about the authorities' own certificates are asked for from the start.
        """
        for issuer in self.anchors.issuers:
            for link in self._authority(issuer):
                await self._ask(link, clock.now())
        while not stop.is_set():
            await self.refresh_due(clock.now())
            try:
                async with asyncio.timeout(REFRESH_TICK_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def refresh_due(self, now: datetime) -> None:
        """Renew the lists that are due, then the answers about what no list in time tells."""
        await self._lists.refresh_due(now)
        with suppress(TimeoutError):
            # What a slow responder leaves over is next in turn.
            async with asyncio.timeout(REFRESH_TICK_SECONDS):
                await self._refresh_answers(now)

    async def _refresh_answers(self, now: datetime) -> None:
        remembered = [link for known in self._known.values() for link in known.links]
        for link in {each.certificate.fingerprint: each for each in remembered}.values():
            lists = self._lists_about(link)
            if link.certificate.ocsp_urls and not is_listed_in_time(lists, link.certificate, now):
                await self._responders.refresh(link.certificate, link.issuer, now)

    def _check(self, der: bytes, use: Use, now: datetime) -> _Known:
        key = (use, der)
        known = self._known.get(key)
        if known is not None and known.since <= now < known.until:
            self._known.move_to_end(key)
            return known
        certificate = check_certificate(der, anchors=self.anchors, now=now, use=use)
        known = self._known[key] = self._examined(certificate, now)
        if len(self._known) > CERTIFICATES_MAX:
            self._known.popitem(last=False)
        return known

    def _examined(self, certificate: Certificate, now: datetime) -> _Known:
        """Return what to remember of *certificate*; raise when nobody could ever revoke it."""
        links = tuple(self._chain(certificate))
        if not self._accept_without_address:
            for link in links:
                _require_address(link.certificate)
        ends = [link.certificate.not_after for link in links]
        ends += [link.issuer.not_valid_after_utc for link in links]
        return _Known(certificate, now, min(*ends, now + RECHECK_AFTER), links)

    def _chain(self, certificate: Certificate) -> Iterator[_Link]:
        """Yield *certificate* and its authority, each with the one that issued it."""
        issuer = self.anchors.issuer_of(certificate.x509)
        if issuer is None:
            raise FailedAuthentication(
                f"the certificate of {certificate.subject_cn} is not issued by a trusted authority"
            )
        yield _Link(certificate, issuer)
        yield from self._authority(issuer)

    def _authority(self, issuer: x509.Certificate) -> Iterator[_Link]:
        """Yield the certificate of the pinned authority *issuer*, with its root."""
        root = self.anchors.root_of(issuer)
        if root is not None:
            yield _Link(load_certificate(issuer.public_bytes(Encoding.DER)), root)

    def _links(self, certificate: Certificate) -> tuple[_Link, ...]:
        for use in Use:
            known = self._known.get((use, certificate.der))
            if known is not None:
                return known.links
        return tuple(self._chain(certificate))

    @property
    def _generation(self) -> int:
        return self._lists.generation + self._responders.generation

    def _ask_memory(self, link: _Link, now: datetime) -> Revocation:
        if _has_no_address(link.certificate):
            return self._without_address()
        return weigh(
            link.certificate,
            self._lists_about(link),
            self._responders.find(link.certificate),
            now,
            stale_grace=self._lists.stale_grace,
        )

    async def _ask(self, link: _Link, now: datetime) -> Revocation:
        answer = self._ask_memory(link, now)
        for url in link.certificate.crl_urls[:URLS_MAX]:
            if answer is not Revocation.UNKNOWN:
                return answer
            await self._lists.get(url, link.issuer, now)
            answer = self._ask_memory(link, now)
        if answer is Revocation.UNKNOWN and link.certificate.ocsp_urls:
            await self._responders.get(link.certificate, link.issuer, now)
            answer = self._ask_memory(link, now)
        return answer

    def _lists_about(self, link: _Link) -> list[Crl]:
        """Return the lists in memory that *link*'s certificate names."""
        urls = link.certificate.crl_urls[:URLS_MAX]
        found = [self._lists.find(url, link.issuer) for url in urls]
        return [crl for crl in found if crl is not None]

    def _without_address(self) -> Revocation:
        return Revocation.GOOD if self._accept_without_address else Revocation.UNKNOWN


def _worst(answers: list[Revocation]) -> Revocation:
    """Return REVOKED if any certificate is, else UNKNOWN if any is, else GOOD."""
    for answer in (Revocation.REVOKED, Revocation.UNKNOWN):
        if answer in answers:
            return answer
    return Revocation.GOOD


def _has_no_address(certificate: Certificate) -> bool:
    return not certificate.crl_urls and not certificate.ocsp_urls


def _require_address(certificate: Certificate) -> None:
    if _has_no_address(certificate):
        raise FailedAuthentication(
            f"the certificate of {certificate.subject_cn} names no address to ask for its"
            " revocation, which this access point demands"
        )
