"""The tester's own receiving end: what the target sends arrives here, and is answered on a dial.

It reads strictly, with the library; the *script* says what it does wrong with one message after
the other, and with the script used up it answers as it should.  [PEPPOL-AS4 §2] [AS4 §3.2]

What an answer can have wrong stands here alone: the cases script it, and the awkward peer
(`conformance.awkward.receiving`), which also varies how an answer is written, draws it by chance.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as4.certificates import KeyPair
from as4.compression import inflate
from as4.errors import As4Error, DeliveryFailure, FailedAuthentication, Unreadable
from as4.errorsignal import build_error
from as4.receipt import build_receipt
from as4.signal import CheckSigner
from as4.unpack import MessageReader, ReceivedMessage
from conformance.suite.tools import Tools
from ubl.errors import UblError
from ubl.sbdh import Sbdh, read_envelope

__all__ = ["REFUSALS", "Arrival", "CannotListen", "Dress", "Fault", "Listener", "listen"]

MESSAGE_BYTES_MAX: Final = 128 << 20  # LIMIT: of one message that is taken.
ARRIVALS_BYTES_MAX: Final = 256 << 20  # LIMIT: of all messages that are remembered.
ARRIVALS_MAX: Final = 1000  # LIMIT: messages that are remembered; a run makes some fifty.
_SOAP: Final = "application/soap+xml"


class CannotListen(Exception):  # noqa: N818 - it says what happened
    """The address at which the tester is to receive cannot be had."""


class Fault(StrEnum):
    """What the tester does wrong with one message; the value says it to people."""

    NONE = "a receipt, as it should"
    HANG_UP = "no answer: the connection was closed"
    EMPTY = "HTTP 202 without a receipt"
    SERVER_ERROR = "HTTP 500 without ebMS"
    BUSY = "HTTP 503 without ebMS"
    UNSIGNED = "a receipt without a signature"
    OTHER_DIGEST = "a receipt for other bytes"
    OTHER_MESSAGE = "a receipt for another message"
    STRANGER = "a receipt signed by another access point"
    ERROR = "the signed error EBMS:0101"
    TEMPORARY = "the signed error EBMS:0202"


_WITHOUT_EBMS: Final = {Fault.EMPTY: 202, Fault.SERVER_ERROR: 500, Fault.BUSY: 503}
REFUSALS: Final[Mapping[Fault, type[As4Error]]] = {
    Fault.ERROR: FailedAuthentication,
    Fault.TEMPORARY: DeliveryFailure,
}
"""The faults that are an error of ebMS, and which."""

Dress = Callable[[bytes, KeyPair], bytes]
"""Writes a signed envelope in another way and signs it anew."""


def _plainly(soap: bytes, _signer: KeyPair) -> bytes:
    """Leave an answer as the library writes it."""
    return soap


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that came: as it crossed the wire, and what was read of it.

    *problem* says why it could not be read, and then the rest is empty.
    """

    head: bytes
    body: bytes
    answer: bytes
    fault: Fault
    problem: str = ""
    received: ReceivedMessage | None = None
    header: Sbdh | None = None
    document: bytes = b""


@dataclass(slots=True)
class Listener:
    """What came so far, and what is to be done wrong next."""

    key: KeyPair
    stranger: KeyPair | None
    check_signer: CheckSigner
    tools: Tools
    url: str = ""
    script: list[Fault] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Take one message and do with it what the script says."""
        fault = self.script.pop(0) if self.script else Fault.NONE
        lines = [f"{request.method} {request.raw_path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")
        content_type = request.headers.get("Content-Type", "")
        status, arrival = self.take(head, content_type, await request.read(), fault)
        if fault is Fault.HANG_UP and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status, body=arrival.answer, headers={"Content-Type": _SOAP})

    def take(
        self, head: bytes, content_type: str, body: bytes, fault: Fault, dress: Dress = _plainly
    ) -> tuple[int, Arrival]:
        """Read a message and remember it; return the status and, in the arrival, the answer.

        *dress* writes a signed answer in another way, signed anew by the key that it is given.
        """
        read = self._read(Arrival(head, body, b"", fault), content_type)
        status, soap = self._reply(read, dress)
        arrival = replace(read, answer=soap)
        kept = sum(len(each.body) for each in self.arrivals)
        if len(self.arrivals) < ARRIVALS_MAX and kept + len(body) <= ARRIVALS_BYTES_MAX:
            self.arrivals.append(arrival)
        return status, arrival

    def _read(self, arrival: Arrival, content_type: str) -> Arrival:
        try:
            reader = MessageReader(content_type, keep=True)
            reader.feed(arrival.body)
            reader.open_envelope(anchors_check=self.check_signer, now=self.tools.now())
            reader.open_attachment(self._find_key, self.tools.random(16))
            received = reader.close()
        except (As4Error, Unreadable) as error:
            return replace(arrival, problem=str(error))
        if received.payload is None:
            return replace(arrival, received=received)
        try:
            sbd = inflate(received.payload) if received.compressed else received.payload
            found = read_envelope(sbd, whole=True)
        except (As4Error, UblError) as error:
            return replace(arrival, received=received, problem=str(error))
        document = sbd[found.payload_offset : found.payload_end]
        return replace(arrival, received=received, header=found.header, document=document)

    def _find_key(self, der: bytes) -> RSAPrivateKey | None:
        return self.key.key if der == self.key.certificate.der else None

    def _reply(self, arrival: Arrival, dress: Dress) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        received, fault = arrival.received, arrival.fault
        if fault in _WITHOUT_EBMS:
            return _WITHOUT_EBMS[fault], b""
        if received is None or fault in REFUSALS:
            return 200, dress(self._refuse(received, fault), self.key)
        if fault is Fault.OTHER_DIGEST:
            first, *rest = received.references
            received = received._replace(references=(first._replace(digest_value=bytes(32)), *rest))
        if fault is Fault.OTHER_MESSAGE:
            header = received.user_message._replace(message_id=f"{self.tools.new_id()}@nobody")
            received = received._replace(user_message=header)
        signer = (self.stranger or self.key) if fault is Fault.STRANGER else self.key
        soap = self._receipt(received, signer)
        return 200, _without_security(soap) if fault is Fault.UNSIGNED else dress(soap, signer)

    def _receipt(self, received: ReceivedMessage, signer: KeyPair) -> bytes:
        return build_receipt(
            received,
            message_id=f"{self.tools.new_id()}@tester.example",
            now=self.tools.now(),
            signer=signer,
            nonce=self.tools.random(16).hex(),
        )

    def _refuse(self, received: ReceivedMessage | None, fault: Fault) -> bytes:
        error = REFUSALS.get(fault, FailedAuthentication)("the tester was told to refuse it")
        if received is not None:
            error.about(received.user_message.message_id)
        return build_error(
            error,
            message_id=f"{self.tools.new_id()}@tester.example",
            now=self.tools.now(),
            signer=self.key,
            nonce=self.tools.random(16).hex(),
        )


@asynccontextmanager
async def listen(listener: Listener, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[None]:
    """Let *listener* take messages at *host* until the end of the block; it then knows its url.

    Raises CannotListen.
    """
    application = web.Application(client_max_size=MESSAGE_BYTES_MAX)
    application.router.add_post("/as4", listener.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise CannotListen(f"{host}:{port} cannot be listened at: {error.strerror}") from error
        listener.url = f"http://{host}:{runner.addresses[0][1]}/as4"
        yield
    finally:
        await runner.cleanup()


def _without_security(soap: bytes) -> bytes:
    start, end = soap.index(b"<wsse:Security"), soap.index(b"</wsse:Security>") + 16
    return soap[:start] + soap[end:]
