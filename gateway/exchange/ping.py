"""A test message to another access point: everything but a document.

It is looked up, signed, posted and receipted like any message; the receiving access point answers
it with a receipt and delivers nothing.  [EBMS3 §5.2.2.8] [PEPPOL-AS4 §2.2]
"""

from dataclasses import dataclass
from typing import Any

from as4.client import TransportFailure
from as4.pack import OutboundMessage, ping
from gateway.clock import Clock
from gateway.egress import AddressRefused
from gateway.errors import Fault, Kind
from gateway.exchange.judgement import Sent, judge_answer, judge_failure
from gateway.exchange.retry import Again, Outcome, What
from gateway.exchange.route import Finder, NoRoute, Route, Wanted, find_route
from gateway.ports import MessagePoster
from gateway.trust import Trust
from ubl.identifiers import BILLING, INVOICE, ParticipantId

__all__ = ["Pinger"]

_NONCE_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinger:
    """Sends test messages from *seat_id*; *host* is what their identifiers end in."""

    seat_id: str
    host: str
    finder: Finder
    trust: Trust
    poster: MessagePoster
    clock: Clock

    async def ping(self, participant: ParticipantId) -> dict[str, Any]:
        """Send a test message to whoever receives invoices for *participant*.

        Returns how it ended, as plain JSON.  Raises Fault when there is nowhere to send it.
        """
        started = self.clock.monotonic()
        route = await self._find(participant)
        message_id = self.clock.message_id(self.host)
        outcome = await self._send(route, participant, message_id)
        return {
            "participant": participant.value,
            "address": route.address,
            "access_point": route.recipient.subject_cn,
            "message_id": message_id,
            "ok": outcome.what is What.RECEIPT,
            "temporary": outcome.rule.again is Again.YES,
            "phase": outcome.rule.phase,
            "outcome": outcome.what,
            "code": outcome.code,
            "detail": outcome.detail,
            "milliseconds": round((self.clock.monotonic() - started) * 1000),
        }

    async def _find(self, participant: ParticipantId) -> Route:
        wanted = Wanted(participant, INVOICE, BILLING)
        try:
            return await find_route(
                wanted, finder=self.finder, trust=self.trust, now=self.clock.now(), refresh=True
            )
        except NoRoute as error:
            outcome = error.outcome
            down = outcome.what in (What.LOOKUP_DOWN, What.REVOCATION_UNKNOWN)
            kind = Kind.UNAVAILABLE if down else Kind.REFUSED_BY_PEER
            kind = Kind.NOT_FOUND if outcome.what is What.NOT_REGISTERED else kind
            raise Fault(
                kind, outcome.code or outcome.what, outcome.detail, phase=outcome.rule.phase
            ) from error

    async def _send(self, route: Route, participant: ParticipantId, message_id: str) -> Outcome:
        now = self.clock.now()
        message = OutboundMessage(
            message_id=message_id,
            conversation_id=message_id,
            timestamp=now,
            from_party=self.seat_id,
            to_party=route.recipient.subject_cn,
            service=BILLING,
            action=INVOICE.uri,
            original_sender=participant,
            final_recipient=participant,
        )
        nonce = self.clock.random(_NONCE_BYTES).hex()
        sealed = ping(message, signer=self.trust.keys.signing, nonce=nonce)
        try:
            answer = await self.poster.post(route.address, sealed.content_type, sealed.body)
        except TransportFailure as failure:
            return judge_failure(failure)
        except AddressRefused as refusal:
            code = "address-refused"
            return Outcome(what=What.ADDRESS_REFUSED, code=code, detail=refusal.detail)
        sent = Sent(message_id=message_id, to_party=message.to_party, references=sealed.references)
        return (await judge_answer(answer, sent, trust=self.trust, now=now)).outcome
