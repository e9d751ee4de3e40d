"""Post one packed message to an access point and bring back its answer.  [PEPPOL-AS4 §2.2]

The only module of the package that does I/O.  It judges nothing: any HTTP status may carry a
receipt or an error signal, so status and body come back as they are, unzipped and in one piece.
Which addresses may be spoken to, TLS settings and retries are the business of whoever owns the
session.
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Literal, NoReturn

import aiohttp
from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from as4.compression import Inflater
from as4.errors import DecompressionFailure

Phase = Literal["connect", "tls", "http", "timeout"]

# LIMIT: TCP and TLS to one address; known peers wait 5 seconds for TCP alone.
CONNECT_SECONDS_MAX = 15.0

_GZIP = frozenset({"gzip", "x-gzip"})
_NOT_ENCODED = frozenset({"", "identity"})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a peer answered: its body is unzipped and complete.

    *retry_after* is the header of that name as it came, empty without one.  [RFC9110 §10.2.3]
    """

    status: int
    content_type: str
    body: bytes
    retry_after: str = ""


class TransportFailure(Exception):  # noqa: N818 - it is what happened, and ours to say so
    """No answer came back; *phase* is how far the exchange got.

    *sent* says whether any byte of the request may have reached the peer.  Only when it is
    False is the message certainly not there.
    """

    def __init__(self, phase: Phase, detail: str, *, sent: bool) -> None:
        super().__init__(f"{phase}: {detail}")
        self.phase = phase
        self.detail = detail
        self.sent = sent


async def post_message(
    session: aiohttp.ClientSession,
    url: str,
    content_type: str,
    body: bytes | AsyncIterable[bytes],
    *,
    timeout_seconds: float,
    answer_bytes_max: int,
) -> HttpAnswer:
    """Post *body* to *url* and return the answer, whatever its status.

    *body* is sent chunked when it is a stream.  *url* is percent-encoded already.  Redirects are
    not followed: the answer is then the redirect.
    Raises TransportFailure, also for an answer of more than *answer_bytes_max* bytes.
    """
    address = _parse(url)
    watched = _Watched(body)
    timeout = aiohttp.ClientTimeout(
        total=timeout_seconds, sock_connect=min(timeout_seconds, CONNECT_SECONDS_MAX)
    )
    try:
        async with session.post(
            address,
            data=watched,
            headers={"Content-Type": content_type, "Accept-Encoding": "gzip"},
            allow_redirects=False,
            auto_decompress=False,
            timeout=timeout,
        ) as response:
            return HttpAnswer(
                status=response.status,
                content_type=response.headers.get("Content-Type", ""),
                body=await _read(response, answer_bytes_max),
                retry_after=response.headers.get("Retry-After", ""),
            )
    except (aiohttp.ClientError, OSError, UnicodeError) as exc:
        sent = watched.started
        raise TransportFailure(_phase(exc, sent=sent), describe(exc), sent=sent) from exc


class _Watched(payload.Payload):
    """A request body that knows whether the connection has begun to take it.

    The connection is there by then, and the header of the request leaves with the first bytes.
    """

    _autoclose = True

    def __init__(self, body: bytes | AsyncIterable[bytes]) -> None:
        super().__init__(body)
        self._size = len(body) if isinstance(body, bytes) else None
        self.started = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> NoReturn:
        """Refuse: a message is bytes and is never logged as text."""
        raise TypeError(f"a message is not text ({encoding}, {errors})")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the whole body to the connection."""
        self.started = True
        if isinstance(self._value, bytes):
            await writer.write(self._value)
        else:
            async for chunk in self._value:
                await writer.write(chunk)


def _parse(url: str) -> URL:
    try:
        return URL(url, encoded=True)
    except ValueError as exc:
        raise TransportFailure("connect", f"{url!r} is no address: {exc}", sent=False) from exc


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """Return the body, unzipped; the server may zip and chunk it as it likes.  [RFC9110 §8.4]"""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _GZIP | _NOT_ENCODED:
        raise _broken(f"the answer is in encoding {encoding[:40]!r}, which nobody asked for")
    inflater = Inflater(bytes_max) if encoding in _GZIP else None
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                body += piece
                if len(body) > bytes_max:
                    raise _broken(f"the answer is larger than {bytes_max} bytes")
        if inflater is not None and response.content.total_bytes:
            inflater.close()
    except DecompressionFailure as exc:
        raise _broken(exc.detail) from exc
    return bytes(body)


def _broken(detail: str) -> TransportFailure:
    """Return the failure of an exchange whose answer cannot be read."""
    return TransportFailure("http", detail, sent=True)


def _phase(exc: Exception, *, sent: bool) -> Phase:
    """Return how far the exchange got, by the kind of *exc* alone."""
    if isinstance(exc, TimeoutError):
        return "timeout"
    if isinstance(exc, aiohttp.ClientSSLError):
        return "tls"
    return "http" if sent else "connect"


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "there was no connection, TLS included, in time"),
    (TimeoutError, "there was no complete answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before there was an answer"),
    (aiohttp.ClientPayloadError, "the answer broke off"),
    (aiohttp.ClientResponseError, "the answer is not HTTP as we read it"),
    (UnicodeError, "the name of the machine cannot be asked for"),
)
"""What the failures of an exchange are called; the first that fits counts."""


def describe(exc: Exception) -> str:
    """Return what *exc*, raised by an HTTP session, says about the exchange, for people."""
    if isinstance(exc, aiohttp.ClientConnectorError):
        return _describe_connecting(exc)
    words = next((words for kind, words in _WORDS if isinstance(exc, kind)), None)
    return words or str(exc) or type(exc).__name__


def _describe_connecting(exc: aiohttp.ClientConnectorError) -> str:
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"the name {exc.host} does not resolve"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        why = getattr(exc.certificate_error, "verify_message", "") or exc.certificate_error
        return f"the TLS certificate of {exc.host} is refused: {why}"
    if isinstance(exc, aiohttp.ClientSSLError):
        why = getattr(exc.os_error, "reason", "") or exc.strerror
        return f"there is no TLS with {exc.host}:{exc.port}: {why}"
    refused = isinstance(exc.os_error, ConnectionRefusedError)
    why = "connection refused" if refused else exc.strerror or exc.os_error
    return f"{exc.host}:{exc.port} cannot be reached: {why}"
