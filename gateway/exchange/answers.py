"""What a peer is told: receipt, signed error, or a plain refusal below ebMS.

Receipts and errors travel with HTTP 200; what could not be read as a message gets an HTTP status
and a sentence.  An outage gets 503 and never a receipt, so the peer sends again.
[PEPPOL-AS4 §2.5] [EBMS3 §6.1]
"""

from dataclasses import dataclass

from as4.errors import As4Error, Unreadable
from as4.errorsignal import build_error
from as4.receipt import build_receipt
from as4.unpack import ReceivedMessage
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.trust import KeyRing

SOAP_TYPE = "application/soap+xml; charset=UTF-8"
TEXT_TYPE = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; *verdict* is the word our log has for it."""

    status: int
    content_type: str
    body: bytes
    verdict: str
    retry_after_seconds: float | None = None


class Answers:
    """Builds the answers of one access point, signed with what *keys* has in use, from *host*."""

    def __init__(self, keys: KeyRing, clock: Clock, host: str) -> None:
        self._keys = keys
        self._clock = clock
        self._host = host

    def receipt(self, received: ReceivedMessage) -> bytes:
        """Return the signed receipt that carries *received*'s own references."""
        return build_receipt(
            received,
            message_id=self._clock.message_id(self._host),
            now=self._clock.now(),
            signer=self._keys.signing,
            nonce=self._clock.random(16).hex(),
        )

    def error(self, error: As4Error) -> Answer:
        """Return *error* as a signed signal; it names its message whenever that is known."""
        body = build_error(
            error,
            message_id=self._clock.message_id(self._host),
            now=self._clock.now(),
            signer=self._keys.signing,
            nonce=self._clock.random(16).hex(),
        )
        return Answer(200, SOAP_TYPE, body, error.code)


def acknowledge(receipt: bytes, verdict: str) -> Answer:
    """Return the answer that carries *receipt*."""
    return Answer(200, SOAP_TYPE, receipt, verdict)


def refuse(refusal: Unreadable) -> Answer:
    """Return the answer to what is no ebMS message at all."""
    body = f"{refusal.detail}\n".encode()
    return Answer(refusal.status, TEXT_TYPE, body, f"HTTP {refusal.status}")


def send_away(outage: Unavailable) -> Answer:
    """Return the answer of a gateway that cannot judge or store the message now."""
    body = b"temporarily unavailable, please send again\n"
    return Answer(503, TEXT_TYPE, body, "HTTP 503", outage.retry_after_seconds)
