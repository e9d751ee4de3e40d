"""The awkward peer as a receiver: receipts that are right but varied, and mischief on dials.

Reading, answering and what an answer can have wrong are the tester's `Listener`; here are what
chance decides, how an answer is written, and what only a wire can do wrong.  A message that it
has is receipted again and counted once, as the profile wants it.  [AS4 §3.2] [PEPPOL-AS4 §2]
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from as4.certificates import KeyPair
from conformance.awkward.dials import Deed, Dials, Mischief, draw_deed
from conformance.awkward.dressing import dress
from conformance.awkward.http11 import (
    HEAD_BYTES_MAX,
    BadHttp,
    Message,
    read_message,
    send_head,
    send_message,
)
from conformance.awkward.transfer import Sleep
from conformance.awkward.variation import Variation, draw_variation
from conformance.awkward.zipping import gzip_member
from conformance.suite.listener import REFUSALS, Arrival, Fault, Listener

__all__ = ["AwkwardReceiver", "receive"]

IDLE_SECONDS_MAX: Final = 60.0  # LIMIT: a connection on which nothing comes for so long ends.
_TAKEN: Final = frozenset({Fault.NONE, Fault.HANG_UP, Fault.EMPTY, Fault.UNSIGNED})
_REASONS: Final = {200: "OK", 202: "Accepted", 400: "Bad Request", 500: "Internal Server Error"}


@dataclass(slots=True)
class AwkwardReceiver:
    """Takes messages with *listener*; *seed* and *dials* decide what it does with each.

    *deeds* are what was done, in the order in which messages came.
    """

    listener: Listener
    seed: int
    dials: Dials = field(default_factory=Dials)
    sleep: Sleep = asyncio.sleep
    deeds: list[Deed] = field(default_factory=list)
    _known: set[bytes] = field(default_factory=set)

    @property
    def words(self) -> str:
        """What a run prints of it, so that it can be played again."""
        return self.dials.words(self.seed)

    def taken(self) -> Sequence[Arrival]:
        """Return the messages that were accepted, each once, whatever became of its answer."""
        found = {
            each.received.user_message.message_id: each
            for each in self.listener.arrivals
            if each.received is not None and not each.problem and each.fault in _TAKEN
        }
        return tuple(found.values())

    def doubled(self) -> list[str]:
        """Return the InstanceIdentifiers that were taken under several MessageIds."""
        headers = [each.header for each in self.taken() if each.header is not None]
        counted = Counter(header.instance_identifier for header in headers)
        return [instance for instance, count in counted.items() if count > 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until one of both ends it."""
        try:
            while await self._answer(reader, writer):
                pass
        except (BadHttp, OSError, EOFError, ValueError):
            pass  # whoever speaks no HTTP, or hangs up, is left alone
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one message and answer it; return whether the connection serves on."""
        async with asyncio.timeout(IDLE_SECONDS_MAX):
            request = await read_message(reader, writer)
        number = len(self.deeds)
        deed = draw_deed(self.seed, self.dials, number)
        self.deeds.append(deed)
        if deed.mischief is Mischief.RESET:
            writer.transport.abort()
            return False
        how = draw_variation(self.seed, "answer", number)
        status, answer = self._take(request, deed, how)
        if how.transfer.interim:
            writer.write(f"HTTP/1.1 {how.transfer.interim}\r\n\r\n".encode())
        await self.sleep(deed.seconds)
        if deed.fault is Fault.HANG_UP:
            writer.transport.abort()
            return False
        headers = [("Content-Type", how.packaging.answer_type)] if answer else []
        if answer and how.transfer.zipped and "gzip" in request.headers.get("accept-encoding", ""):
            headers.append(("Content-Encoding", "gzip"))
            answer = gzip_member(answer, how.zipping)
        line = f"HTTP/1.1 {status} {_REASONS.get(status, 'Awkward')}"
        if deed.mischief is Mischief.TRUNCATE:
            await send_head(writer, line, headers, len(answer), how.transfer)
            writer.write(b"" if how.transfer.chunked else answer[: len(answer) // 2])
            await writer.drain()
            return False
        await send_message(writer, line, headers, answer, how.transfer, self.sleep)
        return request.keeps_open and not how.transfer.close

    def _take(self, request: Message, deed: Deed, how: Variation) -> tuple[int, bytes]:
        """Return status and body of the answer to *request*."""

        def varied(soap: bytes, signer: KeyPair) -> bytes:
            fresh = self.listener.tools.new_id()
            message_id = how.names.message_id.format(fresh=fresh)
            return dress(
                soap, how.dress, how.names, key=signer, fresh=fresh, message_id=message_id
            ).soap

        lines = [request.first_line]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        content_type = request.headers.get("content-type", "")
        digest = sha256(request.body).digest()
        known = digest in self._known and deed.fault in REFUSALS
        fault = Fault.NONE if known else deed.fault
        status, arrival = self.listener.take(head, content_type, request.body, fault, varied)
        if fault in _TAKEN and not arrival.problem:
            self._known.add(digest)
        refused = arrival.problem or fault in REFUSALS
        return how.packaging.refusal_status if refused else status, arrival.answer


@asynccontextmanager
async def receive(
    receiver: AwkwardReceiver,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Let *receiver* take messages at *host* until the end of the block; its listener has the url.

    Raises OSError when the address cannot be had.
    """
    server = await asyncio.start_server(receiver.serve, host, port, ssl=tls, limit=HEAD_BYTES_MAX)
    scheme = "http" if tls is None else "https"
    receiver.listener.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/as4"
    try:
        yield
    finally:
        server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await server.wait_closed()
