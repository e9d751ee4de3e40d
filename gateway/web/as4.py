"""POST /as4: what peers send us, and what HTTP itself can say about it.

Method, size and media type are judged before a byte of the body is read. A body that fits the
inline bound is read whole; a larger one, and a chunked one that grows, is handed on as it comes
in. Everything that ebMS has a word for is answered by `gateway.exchange.inbound`.

`Upgrade: h2c` is an offer that a server may ignore, and it is ignored.  [PEPPOL-AS4 §2.1]
"""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import hdrs, web

from as4.errors import Unreadable
from gateway.exchange.answers import Answer
from gateway.exchange.inbound import Inbound

PATH = "/as4"
IDLE_SECONDS_MAX = 60.0  # LIMIT: a peer that sends nothing for so long is gone.
BYTES_PER_SECOND_MIN = 4096  # LIMIT: after the first minute; nobody holds a place for hours.
BODIES_MAX = 256  # LIMIT: bodies being read at a time, each at most inline_bytes_max in memory.
MEDIA_TYPES = frozenset({"multipart/related", "application/soap+xml"})


class As4Endpoint:
    """The HTTP side of receiving: bounds, then the exchange, then the answer."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._limits = inbound.limits
        self._bodies = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this endpoint: one path, every method, judged before the body."""
        return [web.route("*", PATH, self.answer, expect_handler=self.before_body)]

    async def before_body(self, request: web.Request) -> web.StreamResponse | None:
        """Answer `Expect: 100-continue`: go on, or the refusal that the headers already earn."""
        try:
            self._check_headers(request)
        except Unreadable as refusal:
            return _response(self._inbound.refuse(refusal))
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Receive one message and answer it; an answer before the end closes the connection."""
        try:
            self._check_headers(request)
        except Unreadable as refusal:
            return _response(self._inbound.refuse(refusal))
        if self._bodies >= BODIES_MAX:
            return _response(self._inbound.send_away("too many messages at a time"))
        self._bodies += 1
        try:
            response = _response(await self._receive(request))
        finally:
            self._bodies -= 1
        if not request.content.at_eof():
            response.force_close()
        return response

    def _check_headers(self, request: web.Request) -> None:
        """Raise Unreadable for what method, size, media type or coding already rule out."""
        if request.method != hdrs.METH_POST:
            raise Unreadable(405, "messages are sent here with POST")
        length = request.content_length
        if length is not None and length > self._limits.message_bytes_max:
            raise Unreadable(413, f"a message may have {self._limits.message_bytes_max} bytes")
        # aiohttp's own `content_type` parses the whole header as mail does: as dear as a signature.
        if _media_type(request) not in MEDIA_TYPES:
            raise Unreadable(415, "a message is multipart/related or application/soap+xml")
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise Unreadable(415, "the body of a request has no content coding here")

    async def _receive(self, request: web.Request) -> Answer:
        """Read the body as its size allows, and hand it over."""
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
        bound = min(self._limits.inline_bytes_max, self._limits.message_bytes_max)
        content = request.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= bound:
            # A small body came with its head: there is nothing to wait for.
            return await self._inbound.receive(content_type, content.read_nowait())
        chunks = self._chunks(request)
        length = request.content_length
        try:
            if length is not None and length > bound:
                return await self._inbound.receive_stream(content_type, chunks)
            collected: list[bytes] = []
            size = 0
            async for chunk in chunks:
                collected.append(chunk)
                size += len(chunk)
                if size > bound:
                    rest = _joined(b"".join(collected), chunks)
                    return await self._inbound.receive_stream(content_type, rest)
        except Unreadable as refusal:
            return self._inbound.refuse(refusal)
        return await self._inbound.receive(content_type, b"".join(collected))

    async def _chunks(self, request: web.Request) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raise Unreadable when it grows too large or breaks off."""
        clock = asyncio.get_running_loop().time
        size, deadline = 0, clock() + IDLE_SECONDS_MAX
        content = request.content
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, clock() + IDLE_SECONDS_MAX)):
                    chunk = await content.readany()
            except TimeoutError:
                raise Unreadable(408, "the body did not come") from None
            except (aiohttp.ClientError, web.RequestPayloadError, ConnectionError) as error:
                raise Unreadable(400, "the body broke off") from error
            if not chunk:
                return
            size += len(chunk)
            deadline += len(chunk) / BYTES_PER_SECOND_MIN
            if size > self._limits.message_bytes_max:
                raise Unreadable(413, f"a message may have {self._limits.message_bytes_max} bytes")
            yield chunk


def _media_type(request: web.Request) -> str:
    """Return the media type that *request* names, without its parameters."""
    return request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield *first*, then *rest*."""
    yield first
    async for chunk in rest:
        yield chunk


def _response(answer: Answer) -> web.Response:
    """Return *answer* as aiohttp sends it."""
    headers = {hdrs.CONTENT_TYPE: answer.content_type}
    if answer.status == web.HTTPMethodNotAllowed.status_code:
        headers[hdrs.ALLOW] = hdrs.METH_POST
    if answer.retry_after_seconds is not None:
        headers[hdrs.RETRY_AFTER] = str(round(answer.retry_after_seconds))
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    if answer.status >= web.HTTPBadRequest.status_code:
        response.force_close()
    return response
