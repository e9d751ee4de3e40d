"""Where a document goes: the look-up, the endpoint's certificate, and whether it was revoked.

Asked again before each attempt; `smp.client` remembers answers for a while, so that costs nothing
when nothing changed. Every refusal is an outcome of its own kind.
[PEPPOL-SMP §5] [PEPPOL-AS4 §2.3] [RFC5280 §6.3]
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from as4.certificates import Certificate, Revocation
from as4.errors import FailedAuthentication
from gateway.exchange.retry import Again, Outcome, What
from gateway.trust import Trust
from smp.client import Found
from smp.errors import SmpError
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

__all__ = ["Finder", "FixedRoute", "NoRoute", "Route", "Wanted", "find_route", "moved_away"]


class Finder(Protocol):
    """Looks up endpoints; `smp.client.SmpClient` is the one there is."""

    async def lookup(
        self,
        receiver: ParticipantId,
        document_type: DocumentTypeId,
        process: ProcessId,
        *,
        now: datetime,
        refresh: bool = False,
    ) -> Found:
        """Return where *receiver* takes *document_type*, or raise SmpError."""
        ...


class NoRoute(Exception):  # noqa: N818 - it says what was found
    """There is no endpoint to send to, or none at present; *outcome* says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked up."""

    receiver: ParticipantId
    document_type: DocumentTypeId
    process: ProcessId


@dataclass(frozen=True, slots=True)
class FixedRoute:
    """An endpoint the caller named himself, for tests of a peer: no look-up.  DER certificate."""

    address: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint that may be sent to, and what proves it; a fixed one has no SMP answer."""

    address: str
    recipient: Certificate
    smp_url: str | None = None
    smp_answer: bytes | None = None


async def find_route(
    wanted: Wanted | FixedRoute, *, finder: Finder, trust: Trust, now: datetime, refresh: bool
) -> Route:
    """Return the endpoint for *wanted* with its certificate checked; raise NoRoute.

    A final refusal is never taken from memory: what is remembered may be minutes old, and the
    receiver may have been registered, or its certificate renewed, since.
    """
    if isinstance(wanted, FixedRoute):
        recipient = await _recipient(wanted.certificate, trust, now)
        return Route(wanted.address, recipient)
    try:
        return await _find(wanted, finder, trust, now, refresh=refresh)
    except NoRoute as first:
        if refresh or first.outcome.rule.again is not Again.NO:
            raise
    return await _find(wanted, finder, trust, now, refresh=True)


def moved_away(had_by: str, route: Route) -> NoRoute:
    """Return why a message that *had_by* may have does not go to the access point of *route*."""
    name = route.recipient.subject_cn
    detail = (
        f"the receiver moved from {had_by} to {name}, but {had_by} may have the message already"
    )
    return NoRoute(Outcome(what=What.OTHER_ACCESS_POINT, code="other-access-point", detail=detail))


async def _find(
    wanted: Wanted, finder: Finder, trust: Trust, now: datetime, *, refresh: bool
) -> Route:
    found = await _look_up(wanted, finder, now, refresh=refresh)
    recipient = await _recipient(found.endpoint.certificate, trust, now)
    return Route(found.endpoint.address, recipient, found.smp_url, found.signed_metadata)


async def _look_up(wanted: Wanted, finder: Finder, now: datetime, *, refresh: bool) -> Found:
    try:
        return await finder.lookup(
            wanted.receiver, wanted.document_type, wanted.process, now=now, refresh=refresh
        )
    except SmpError as error:
        what = What.NOT_REGISTERED if error.permanent else What.LOOKUP_DOWN
        outcome = Outcome(what=what, code=error.code, detail=error.detail)
        raise NoRoute(outcome) from error


async def _recipient(der: bytes, trust: Trust, now: datetime) -> Certificate:
    """Return the certificate in *der* if we may encrypt for it and it is not revoked."""
    what = What.CERTIFICATE_REFUSED
    try:
        recipient = trust.check_recipient(der, now)
    except FailedAuthentication as error:
        detail = f"the certificate of the endpoint is refused: {error.detail}"
        raise NoRoute(Outcome(what=what, code="certificate-refused", detail=detail)) from error
    answer = await trust.revocation(recipient, now)
    if answer is Revocation.REVOKED:
        detail = f"the certificate of {recipient.subject_cn} was revoked"
        raise NoRoute(Outcome(what=what, code="certificate-revoked", detail=detail))
    if answer is not Revocation.GOOD:
        detail = f"nobody says whether the certificate of {recipient.subject_cn} was revoked"
        what = What.REVOCATION_UNKNOWN
        raise NoRoute(Outcome(what=what, code="revocation-unknown", detail=detail))
    return recipient
