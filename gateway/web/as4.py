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
BUSY_AGE_SECONDS = 1.0  # LIMIT: when places run out, a body this old must show some speed:
BUSY_BYTES_PER_SECOND_MIN = 65536  # LIMIT: or it gives its place to the next one.
MEDIA_TYPES = frozenset({"multipart/related", "application/soap+xml"})


class _Upload:
    """A body that is being read: since when, how much came, and how to end the wait for more."""

    __slots__ = ("_waiting", "size", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.size = 0
        self._waiting: asyncio.Timeout | None = None

    async def read(self, content: aiohttp.StreamReader, until: float) -> bytes:
        """Return what comes next; raise TimeoutError at *until*, or when `cut` was called."""
        try:
            async with asyncio.timeout_at(until) as self._waiting:
                chunk = await content.readany()
        finally:
            self._waiting = None
        self.size += len(chunk)
        return chunk

    def rate(self, now: float) -> float | None:
        """Return its bytes a second; None if it is too young to say, or waits for nothing."""
        age = now - self.started
        if self._waiting is None or age < BUSY_AGE_SECONDS:
            return None
        return self.size / age

    def cut(self, now: float) -> None:
        """End the wait."""
        if self._waiting is not None:
            self._waiting.reschedule(now)


class As4Endpoint:
    """The HTTP side of receiving: bounds, then the exchange, then the answer."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._limits = inbound.limits
        self._uploads: set[_Upload] = set()

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
        now = asyncio.get_running_loop().time()
        if len(self._uploads) >= BODIES_MAX and not self._make_room(now):
            return _response(self._inbound.send_away("too many messages at a time"))
        upload = _Upload(now)
        self._uploads.add(upload)
        try:
            response = _response(await self._receive(request, upload))
        finally:
            self._uploads.discard(upload)
        if not request.content.at_eof():
            response.force_close()
        return response

    def _make_room(self, now: float) -> bool:
        """End the slowest body if it is too slow for a busy place; say whether one was ended.

        Else whoever holds all places with bodies that hardly come would shut out everybody.
        """
        rates = {upload: rate for upload in self._uploads if (rate := upload.rate(now)) is not None}
        slowest = min(rates, key=lambda upload: rates[upload], default=None)
        if slowest is None or rates[slowest] >= BUSY_BYTES_PER_SECOND_MIN:
            return False
        slowest.cut(now)
        self._uploads.discard(slowest)
        return True

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

    async def _receive(self, request: web.Request, upload: _Upload) -> Answer:
        """Read the body as its size allows, and hand it over."""
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
        bound = min(self._limits.inline_bytes_max, self._limits.message_bytes_max)
        content = request.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= bound:
            # A small body came with its head: there is nothing to wait for.
            return await self._inbound.receive(content_type, content.read_nowait())
        chunks = self._chunks(request, upload)
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

    async def _chunks(self, request: web.Request, upload: _Upload) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raise Unreadable when it grows too large or breaks off."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + IDLE_SECONDS_MAX
        content = request.content
        while True:
            try:
                chunk = await upload.read(content, min(deadline, clock() + IDLE_SECONDS_MAX))
            except TimeoutError:
                raise Unreadable(408, "the body did not come") from None
            except (aiohttp.ClientError, web.RequestPayloadError, ConnectionError) as error:
                raise Unreadable(400, "the body broke off") from error
            if not chunk:
                return
            deadline += len(chunk) / BYTES_PER_SECOND_MIN
            if upload.size > self._limits.message_bytes_max:
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
