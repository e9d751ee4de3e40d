"""A message coming in: verified, understood, stored, and only then acknowledged.

Each failure has its own answer: what HTTP refuses, a signed ebMS error, or 503 when we cannot
judge or store. Nothing is decrypted before the signature, the certificate and the header's digests
hold; nothing decrypted is used before tag and digest of the attachment hold; no receipt leaves
before the commit.  [PEPPOL-AS4 §2] [EBMS3 §6]

A message that fits the inline bound is handled in memory, in the event loop; a larger one is
written to a spool file as it comes in, and its payload read from there a second time.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as4.certificates import Certificate, Revocation
from as4.errors import As4Error, FailedAuthentication, FailedDecryption, Unreadable
from as4.unpack import MessageReader, ReceivedMessage
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.exchange.answers import Answer, Answers, refuse, send_away
from gateway.exchange.duplicates import Duplicates
from gateway.exchange.envelope import read_header
from gateway.exchange.payload import unpack
from gateway.exchange.reception import Body, Reception
from gateway.exchange.served import ServedParticipants
from gateway.exchange.spooling import Spooling, StreamedBody, read_start
from gateway.exchange.writer import BatchWriter
from gateway.store.archive import Archive
from gateway.store.pool import Database
from gateway.trust import Trust
from ubl.errors import BadBusinessHeader, UblError
from ubl.sbdh import Sbdh

CONTENT_KEY_BYTES = 16
DUPLICATE_MEMORY = timedelta(days=90)  # LIMIT: the archive keeps at least so long.
RETRY_AFTER_SECONDS = 5.0
TEXT_MAX = 256  # LIMIT: characters of a peer's text on a log line.

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one message in bytes: handled in memory, on the wire, and after gunzip.

    *duplicate_memory* is how long at least a message is known again; older ones are refused.
    """

    inline_bytes_max: int
    message_bytes_max: int
    envelope_bytes_max: int
    duplicate_memory: timedelta = DUPLICATE_MEMORY


@dataclass(slots=True)
class _Case:
    """What is known of the message in hand, for the log."""

    started: float
    message_id: str = ""
    sending_ap: str = ""
    foreign: bool = False
    """Whether it is encrypted for a certificate that is not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """Everything that receiving needs; `receive` and `receive_stream` are its two ways in."""

    limits: Limits
    clock: Clock
    trust: Trust
    answers: Answers
    reception: Reception
    spooling: Spooling

    def refuse(self, refusal: Unreadable) -> Answer:
        """Return, and log, the answer to what HTTP alone could judge."""
        return self._logged(_Case(self.clock.monotonic()), refuse(refusal), refusal.detail)

    def send_away(self, why: str) -> Answer:
        """Return, and log, the answer of a gateway that has no room now."""
        case = _Case(self.clock.monotonic())
        return self._logged(case, send_away(Unavailable(why, RETRY_AFTER_SECONDS)), why)

    async def receive(self, content_type: str, wire: bytes) -> Answer:
        """Judge, store and answer a message that is in memory."""
        return await self._answered(lambda case: self._inline(case, content_type, wire))

    async def receive_stream(self, content_type: str, chunks: AsyncIterator[bytes]) -> Answer:
        """Judge, store and answer a message that is still coming in.

        What *chunks* raises as Unreadable is answered like any other refusal.
        """
        return await self._answered(lambda case: self._streamed(case, content_type, chunks))

    async def _inline(self, case: _Case, content_type: str, wire: bytes) -> Answer:
        reader = self._reader(content_type, keep=True)
        reader.feed(wire)
        await self._admit(case, reader)
        received = reader.close()
        header = await self._header(received)
        if header is None:
            return self.reception.answer_ping(received)
        served = await self.reception.find_served(received, header)
        body = Body(content_type, len(wire), wire=wire)
        answer, _ = await self.reception.store(received, header, served, body)
        return answer

    async def _streamed(
        self, case: _Case, content_type: str, chunks: AsyncIterator[bytes]
    ) -> Answer:
        reader = self._reader(content_type, keep=False)
        start = await read_start(reader, chunks)
        await self._admit(case, reader)
        async with self.spooling.open(content_type) as body:
            await body.absorb(reader, start, chunks)
            received = reader.close()
            header = await self._header(received, body)
            if header is None:
                return self.reception.answer_ping(received)
            served = await self.reception.find_served(received, header)
            kept = await body.keep()
            answer, outcome = await self.reception.store(received, header, served, kept)
            body.settle(outcome)
            return answer

    def _reader(self, content_type: str, *, keep: bool) -> MessageReader:
        return MessageReader(content_type, keep=keep, body_bytes_max=self.limits.message_bytes_max)

    async def _admit(self, case: _Case, reader: MessageReader) -> None:
        """Check the SOAP part and its signer, and take the content key; nothing is open yet."""
        now = self.clock.now()
        envelope = reader.open_envelope(anchors_check=self.trust.check_signer, now=now)
        case.message_id = envelope.user_message.message_id
        case.sending_ap = envelope.signer.subject_cn
        await self._check_revocation(envelope.signer, now)

        def find(certificate: bytes) -> RSAPrivateKey:
            case.foreign = self.trust.keys.find_key(certificate) is None
            return self.trust.keys.opening_key(certificate)

        reader.open_attachment(find, self.clock.random(CONTENT_KEY_BYTES))

    async def _check_revocation(self, signer: Certificate, now: datetime) -> None:
        """Raise FailedAuthentication for a revoked signer, Unavailable when nobody can say."""
        answer = self.trust.cached_revocation(signer, now)
        if answer is None:
            answer = await self.trust.revocation(signer, now)
        if answer is Revocation.REVOKED:
            raise FailedAuthentication(f"the certificate of {signer.subject_cn} is revoked")
        if answer is Revocation.UNKNOWN:
            raise Unavailable(f"nobody says whether {signer.subject_cn} was revoked")

    async def _header(
        self, received: ReceivedMessage, body: StreamedBody | None = None
    ) -> Sbdh | None:
        """Return the business header of *received*; None for a ping, whose payload has none.

        The payload of a ping is decompressed all the same, so that it tests the whole path.
        """
        bytes_max = self.limits.envelope_bytes_max

        def pieces() -> AsyncIterator[bytes]:
            if body is not None:
                return body.read_payload(received, bytes_max=bytes_max)
            payload = received.payload or b""
            return unpack(payload, compressed=received.compressed, bytes_max=bytes_max)

        if received.user_message.is_ping:
            if received.attachment_digest:
                async for _ in pieces():
                    pass
            return None
        return await read_header(pieces)

    async def _answered(self, work: Callable[[_Case], Awaitable[Answer]]) -> Answer:
        """Turn whatever *work* comes to into an answer and one line in the log."""
        case = _Case(self.clock.monotonic())
        try:
            answer, reason = await work(case), ""
        except Unreadable as refusal:
            answer, reason = refuse(refusal), refusal.detail
        except As4Error as error:
            case.message_id = case.message_id or error.ref_to_message_id or ""
            answer = self.answers.error(error.about(case.message_id or None))
            reason = _inner_reason(error, case)
        except Unavailable as outage:
            answer, reason = send_away(outage), outage.detail
        return self._logged(case, answer, reason)

    def _logged(self, case: _Case, answer: Answer, reason: str) -> Answer:
        """Write the one line that each message gets, and return *answer*."""
        _LOG.info(
            "message answered",
            extra={
                "message_id": printable(case.message_id),
                "sending_ap": case.sending_ap,
                "verdict": answer.verdict,
                "why": printable(reason),
                "ms": round((self.clock.monotonic() - case.started) * 1000, 1),
            },
        )
        return answer


def build_inbound(  # noqa: PLR0913 - everything that receiving needs, by name
    *,
    db: Database,
    archive: Archive,
    clock: Clock,
    trust: Trust,
    writer: BatchWriter,
    limits: Limits,
    seat_id: str,
    host: str,
) -> Inbound:
    """Put the parts of receiving together for the access point *seat_id*.

    *host* stands behind the @ of our message identifiers.
    """
    answers = Answers(trust.keys, clock, host)
    bytes_max = limits.envelope_bytes_max
    reception = Reception(
        seat_id=seat_id,
        duplicate_memory=limits.duplicate_memory,
        clock=clock,
        answers=answers,
        served=ServedParticipants(db, clock),
        writer=writer,
        duplicates=Duplicates(db=db, archive=archive, envelope_bytes_max=bytes_max),
    )
    return Inbound(
        limits=limits,
        clock=clock,
        trust=trust,
        answers=answers,
        reception=reception,
        spooling=Spooling(archive, clock),
    )


def printable(text: str) -> str:
    """Return *text*, which a peer wrote, so that it cannot pretend to be another log line."""
    return text[:TEXT_MAX].encode("unicode_escape").decode("ascii")


def _inner_reason(error: As4Error, case: _Case) -> str:
    """Return what our log says of *error*: more than the peer may know, less than it sent."""
    cause = error.__cause__
    if isinstance(error, FailedDecryption):
        return "decryption: not for us" if case.foreign else f"decryption: {error.step}"
    if isinstance(cause, BadBusinessHeader):
        # The sentence quotes what was encrypted, which is not for the log.
        return cause.rule
    return type(cause).__name__ if isinstance(cause, UblError) else error.detail
