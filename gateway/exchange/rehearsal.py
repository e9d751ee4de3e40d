"""Recipients for tests: each ends a delivery in one of the ways that deliveries end.

They are numbers of no enterprise.  In a test dossier a document to one of them is sealed, tried,
judged and retried by the code that sends any other; only the network is played: the look-up, the
connection, and an access point that opens the message with our own key and answers as its number
says.  What fails for a while fails for a minute here, not for days.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from as4.client import HttpAnswer, TransportFailure
from as4.errors import As4Error, Other, ValueInconsistent
from as4.unpack import MessageReader, ReceivedMessage
from gateway.clock import Clock
from gateway.exchange.answers import SOAP_TYPE, Answers
from gateway.exchange.retry import Outcome, RetryRules, What
from gateway.exchange.route import NoRoute, Route
from gateway.exchange.timeline import Progress
from gateway.trust import Trust
from smp.errors import DocumentTypeAbsent, ParticipantAbsent, SmpUnavailable

__all__ = ["RECIPIENTS", "RULES", "Case", "Rehearsal", "is_played", "is_recipient"]

_SCHEME: Final = "rehearsal:"
_SLOW_SECONDS: Final = 30.0
_RANDOM_KEY_BYTES: Final = 16
_SEEN_MAX: Final = 10_000  # LIMIT: messages whose first attempt was broken off.
RULES: Final = RetryRules(first_seconds=2.0, max_seconds=15.0, give_up_seconds=60.0)
"""How long a document to a recipient for tests is tried."""


class Case(StrEnum):
    """How a delivery ends."""

    DELIVERED = "delivered"
    NOT_REGISTERED = "not-registered"
    DOCUMENT_TYPE_ABSENT = "document-type-absent"
    LOOKUP_DOWN = "look-up-down"
    CERTIFICATE_REVOKED = "certificate-revoked"
    NOT_CONNECTED = "not-connected"
    TLS_FAILED = "tls-failed"
    BROKEN_OFF = "broken-off"
    HTTP_BUSY = "http-busy"
    NO_RECEIPT = "no-receipt"
    REFUSED = "refused"
    SLOW = "slow"
    UNCERTAIN = "uncertain"
    WAITING = "waiting"


def _number(case: int) -> str:
    """Return an enterprise number that nobody has, with right check digits.

    Examples elsewhere use the lowest of such numbers; these are none of them.
    """
    number = 770_000 + case
    return f"0208:{number:08}{97 - number % 97:02}"


RECIPIENTS: Final[Mapping[str, Case]] = {
    _number(place): case for place, case in enumerate(Case, start=1)
}
"""Each recipient for tests, and how a delivery to it ends."""

_NO_ROUTE: Final = {
    Case.NOT_REGISTERED: (What.NOT_REGISTERED, ParticipantAbsent.code, "is not registered"),
    Case.DOCUMENT_TYPE_ABSENT: (
        What.NOT_REGISTERED,
        DocumentTypeAbsent.code,
        "is registered, but not for this document type",
    ),
    Case.LOOKUP_DOWN: (
        What.LOOKUP_DOWN,
        SmpUnavailable.code,
        "cannot be looked up: its SMP is down",
    ),
    Case.CERTIFICATE_REVOKED: (
        What.CERTIFICATE_REFUSED,
        "certificate-revoked",
        "has an access point whose certificate was revoked",
    ),
}
_FAILURES: Final = {
    Case.NOT_CONNECTED: TransportFailure("connect", "connection refused", sent=False),
    Case.TLS_FAILED: TransportFailure("tls", "the certificate has expired", sent=False),
    Case.BROKEN_OFF: TransportFailure("http", "the connection was closed", sent=True),
}
_REFUSALS: Final[Mapping[Case, type[As4Error]]] = {
    Case.REFUSED: ValueInconsistent,
    # What peers say of a message that they have already.
    Case.UNCERTAIN: Other,
}


def is_recipient(receiver: str) -> bool:
    """Return whether *receiver* (`0208:…`) is a recipient for tests."""
    return receiver in RECIPIENTS


def is_played(address: str) -> bool:
    """Return whether *address* is one of a rehearsal, which no look-up can give."""
    return address.startswith(_SCHEME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The network as test dossiers have it; *host* ends the identifiers of its signals.

    Where the network is the real one (*is_live*) they reach nobody but recipients for tests.
    """

    trust: Trust
    clock: Clock
    host: str
    is_live: bool
    _seen: dict[str, None] = field(default_factory=dict)

    def find_route(self, receiver: str, progress: Progress) -> Route | None:
        """Return where a delivery to *receiver* is played next; None: it is none, look it up.

        Raises NoRoute where it ends before anything more is sent.
        """
        case = RECIPIENTS.get(receiver)
        if case is None:
            if not self.is_live:
                return None
            detail = "a test dossier sends to recipients for tests alone"
            code = "test-dossier"
            raise NoRoute(Outcome(what=What.ADDRESS_REFUSED, code=code, detail=detail))
        if case is Case.WAITING:
            case = _waiting(progress)
        if case in _NO_ROUTE:
            what, code, words = _NO_ROUTE[case]
            raise NoRoute(Outcome(what=what, code=code, detail=f"{receiver} {words} (test)"))
        return Route(f"{_SCHEME}{case}", self.trust.keys.signing.certificate)

    async def post(
        self, address: str, content_type: str, body: bytes | AsyncIterable[bytes]
    ) -> HttpAnswer:
        """Return what the access point that plays *address* answers to *body*.

        Raises TransportFailure where no answer comes back.
        """
        case = Case(address.removeprefix(_SCHEME))
        if case in _FAILURES:
            raise _FAILURES[case]
        if case is Case.HTTP_BUSY:
            return HttpAnswer(503, "text/plain", b"busy (test)")
        received = await self._open(content_type, body)
        if case is Case.NO_RECEIPT:
            return HttpAnswer(200, SOAP_TYPE, b"")
        message_id = received.user_message.message_id
        if case is Case.UNCERTAIN and self._is_new(message_id):
            raise _FAILURES[Case.BROKEN_OFF]
        answers = Answers(self.trust.keys, self.clock, self.host)
        if case in _REFUSALS:
            signal = answers.error(_REFUSALS[case]("not taken (test)").about(message_id))
            return HttpAnswer(200, SOAP_TYPE, signal.body)
        if case is Case.SLOW:
            await asyncio.sleep(_SLOW_SECONDS)
        return HttpAnswer(200, SOAP_TYPE, answers.receipt(received))

    def _is_new(self, message_id: str) -> bool:
        """Return whether the message was not played before, and remember it.

        Another process does not know of it, which costs one more attempt.
        """
        if message_id in self._seen:
            return False
        while len(self._seen) >= _SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[message_id] = None
        return True

    async def _open(self, content_type: str, body: bytes | AsyncIterable[bytes]) -> ReceivedMessage:
        """Return the message, opened and verified as any receiver does."""
        reader = MessageReader(content_type, keep=False)
        is_open = False
        async for piece in _pieces(body):
            reader.feed(piece)
            if reader.soap_ready and not is_open:
                is_open = True
                reader.open_envelope(anchors_check=self.trust.check_signer, now=self.clock.now())
                reader.open_attachment(
                    self.trust.keys.find_key, self.clock.random(_RANDOM_KEY_BYTES)
                )
        return reader.close()


def _waiting(progress: Progress) -> Case:
    """Return what the next try of a delivery comes to that stops for a decision."""
    if progress.retried_at is not None:
        return Case.DELIVERED
    return Case.CERTIFICATE_REVOKED if progress.unknown else Case.BROKEN_OFF


async def _pieces(body: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for piece in body:
        yield piece
