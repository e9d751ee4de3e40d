"""A wire of ours between two access points: it can flip a byte, lose an answer, or repeat.

Both sides speak HTTP to it. It keeps what passed, so that a cell can say what was sent.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web

from gateway.sandbox.loopback import serve_application
from gateway.sandbox.pki import Identity

BODY_BYTES_MAX = 64 * 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=120)

Mischief = Literal["none", "flip", "lose-answer", "repeat"]
_HOP_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te"}
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it went on, and the answer as it came."""

    request_headers: dict[str, str]
    request: bytes
    status: int
    answer: bytes
    passed_on: bool


@dataclass(slots=True)
class Wire:
    """The proxy to *target*; set *mischief* before each message, or both with `lead_to`.

    "flip" turns one bit in the middle of the payload. "lose-answer" closes the connection
    instead of answering, once, and then is "none" again. "repeat" sends the same request twice
    and passes on the second answer.
    """

    target: str
    mischief: Mischief = "none"
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    session: aiohttp.ClientSession | None = None

    def lead_to(self, target: str, mischief: Mischief) -> None:
        """Pass on to *target* from now on, with this *mischief*."""
        self.target, self.mischief = target, mischief

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        mischief = self.mischief
        if mischief == "flip":
            body = flip_payload(body, request.headers["Content-Type"])
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_HEADERS}
        for _ in range(2 if mischief == "repeat" else 1):
            exchange = await self._ask(headers, body, passed_on=mischief != "lose-answer")
        if mischief == "lose-answer":
            self.mischief = "none"
            assert request.transport is not None
            request.transport.abort()
        return web.Response(
            status=exchange.status, body=exchange.answer, headers=self._answer_headers
        )

    _answer_headers: dict[str, str] = field(default_factory=dict)

    async def _ask(self, headers: dict[str, str], body: bytes, *, passed_on: bool) -> Exchange:
        assert self.session is not None
        async with self.session.post(self.target, data=body, headers=headers) as response:
            answer = await response.read()
            kept = ("Content-Type", "Content-Encoding")
            self._answer_headers = {
                name: response.headers[name] for name in kept if name in response.headers
            }
            exchange = Exchange(headers, body, response.status, answer, passed_on)
            self.exchanges.append(exchange)
            return exchange


@asynccontextmanager
async def wire_to(target: str, tls_ca: Identity) -> AsyncIterator[Wire]:
    """Listen on a free port of 127.0.0.1 and pass every POST on to *target*."""
    wire = Wire(target)
    context = ssl.create_default_context(cadata=tls_ca.certificate_pem.decode())
    application = web.Application(client_max_size=BODY_BYTES_MAX)
    application.router.add_post("/as4", wire.pass_on)
    connector = aiohttp.TCPConnector(ssl=context)
    async with (
        aiohttp.ClientSession(
            connector=connector, timeout=TIMEOUT, auto_decompress=False
        ) as wire.session,
        serve_application(application) as address,
    ):
        wire.url = address + "/as4"
        yield wire


def flip_payload(body: bytes, content_type: str) -> bytes:
    """Return a multipart *body* with one bit turned in the middle of its last part."""
    message = aiohttp.helpers.parse_mimetype(content_type)
    boundary = b"--" + message.parameters["boundary"].encode()
    end = body.rindex(boundary + b"--")
    start = body.index(b"\r\n\r\n", body.rindex(boundary, 0, end)) + 4
    at = (start + end) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
