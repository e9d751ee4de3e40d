"""Every outgoing HTTP connection: what may be asked, of whom, how much of it, and for how long.

Addresses come from strangers (service metadata, certificates), so outside the sandbox an address
must be https on its usual port (about revocation: http on 80 too), and the machine must be a
public one; the sandbox may also use its own. That is judged on the socket address itself, at the
moment the socket is made: a literal, a name that resolves to a private address and a name that
changes its mind between check and connection are all the same there. Redirects are never
followed, proxies and cookies never used.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from as4.client import HttpAnswer, describe, post_message
from as4.compression import inflate
from as4.errors import DecompressionFailure
from gateway.addresses import AddressRefused, EgressRules, Purpose, is_public
from gateway.errors import Unavailable
from gateway.ports import HttpAsker, HttpGetter

__all__ = [
    "AddressRefused",
    "Egress",
    "EgressRules",
    "Notice",
    "Purpose",
    "is_public",
    "tls_context",
]

CONNECTIONS_MAX = 32  # LIMIT: messages under way at once; look-ups have a pool of their own.
CONNECTIONS_PER_HOST_MAX = 8  # LIMIT: one slow access point cannot use up the pool.
KEEP_ALIVE_SECONDS = 10.0  # LIMIT: shorter than servers do, so that a kept connection is alive.
CONNECT_SECONDS_MAX = 10.0  # LIMIT: name, connection and TLS; phase4 allows 5 s.
ANSWER_BYTES_MAX = 1024 * 1024  # LIMIT: a receipt has some 10 KB.
NOTICE_BYTES_MAX = 1024  # LIMIT: what is read of an answer to a webhook.
NOTICE_SECONDS_MAX = 1.0  # LIMIT: how long it is waited for, once the status is here.
ADDRESSES_REMEMBERED = 1024  # LIMIT: addresses of access points that were judged.
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a GET was answered."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """How a webhook was answered: *head* is how the answer begins."""

    status: int
    head: bytes
    retry_after: str | None


@dataclass(frozen=True, slots=True)
class _Question:
    """What `ask` posts."""

    content_type: str
    body: bytes


class Egress:
    """The gateway's HTTP client: `get`, `getter`, `ask` and `post`; close it at the end.

    *resolver* is the machine's own unless a test gives another.
    """

    def __init__(
        self,
        rules: EgressRules,
        *,
        tls: ssl.SSLContext,
        post_timeout_seconds: float,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.rules = rules
        # What an address is allowed depends on nothing else: each is judged twice for a message.
        self._judged = lru_cache(ADDRESSES_REMEMBERED)(rules.check)
        self._post_timeout_seconds = post_timeout_seconds
        self._messages = self._session(tls, resolver)
        self._lookups = self._session(tls, resolver)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._messages.close()
        await self._lookups.close()

    async def get(
        self, url: str, purpose: Purpose, *, bytes_max: int, timeout_seconds: float
    ) -> WebAnswer:
        """Return the answer to GET *url*, whatever its status; redirects are not followed.

        Raises AddressRefused, or Unavailable when there was no answer, a larger one than
        *bytes_max*, or one that came too late.
        """
        return await self._ask("GET", url, purpose, bytes_max, timeout_seconds)

    async def ask(
        self,
        url: str,
        purpose: Purpose,
        *,
        content_type: str,
        body: bytes,
        bytes_max: int,
        timeout_seconds: float,
    ) -> WebAnswer:
        """Return the answer to a question that is posted, as OCSP's; otherwise like `get`.

        [RFC6960 §A.1]
        """
        question = _Question(content_type, body)
        return await self._ask("POST", url, purpose, bytes_max, timeout_seconds, question)

    def getter(self, purpose: Purpose) -> HttpGetter:
        """Return what fetches 200 answers for *purpose* alone."""
        return _Client(self, purpose)

    def asker(self, purpose: Purpose) -> HttpAsker:
        """Return what posts questions for *purpose* alone and takes 200 answers."""
        return _Client(self, purpose)

    def check(self, url: str) -> None:
        """Raise AddressRefused when *url* is not one that messages are posted to."""
        self._judged(url, Purpose.AS4)

    async def post(
        self, url: str, content_type: str, body: bytes | AsyncIterable[bytes]
    ) -> HttpAnswer:
        """Post a sealed message to the access point at *url* and return its answer.

        Raises AddressRefused before anything is sent, or `as4.client.TransportFailure`.
        """
        self.check(url)
        return await post_message(
            self._messages,
            url,
            content_type,
            body,
            timeout_seconds=self._post_timeout_seconds,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )

    async def notify(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float
    ) -> Notice:
        """Post *body* to the webhook at *url*; return its answer, of which little is read.

        Raises AddressRefused before anything is sent, or Unavailable when no status came in time.
        """
        parsed = self.rules.check(url, Purpose.WEBHOOK)
        try:
            async with self._messages.post(
                parsed,
                data=body,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=_timeout(timeout_seconds),
            ) as response:
                head = await _read_head(response)
                return Notice(response.status, head, response.headers.get("Retry-After"))
        except TimeoutError as exc:
            raise Unavailable(f"no answer within {timeout_seconds:g} s") from exc
        except (aiohttp.ClientError, OSError, UnicodeError) as exc:
            raise Unavailable(describe(exc)) from exc

    async def _ask(
        self,
        method: str,
        url: str,
        purpose: Purpose,
        bytes_max: int,
        timeout_seconds: float,
        question: _Question | None = None,
    ) -> WebAnswer:
        parsed = self.rules.check(url, purpose)
        headers = {"Accept-Encoding": "identity"}
        if question is not None:
            headers["Content-Type"] = question.content_type
        try:
            async with self._lookups.request(
                method,
                parsed,
                data=None if question is None else question.body,
                allow_redirects=False,
                headers=headers,
                timeout=_timeout(timeout_seconds),
            ) as response:
                body = await _read(response, bytes_max)
                return WebAnswer(response.status, response.content_type, body)
        except (aiohttp.ClientError, OSError, UnicodeError) as exc:
            raise Unavailable(f"{parsed.host}: {describe(exc)}") from exc

    def _session(
        self, tls: ssl.SSLContext, resolver: AbstractResolver | None
    ) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=tls,
            limit=CONNECTIONS_MAX,
            limit_per_host=CONNECTIONS_PER_HOST_MAX,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            resolver=resolver or aiohttp.ThreadedResolver(),
            socket_factory=self._make_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": "peppol-gateway"},
        )

    def _make_socket(self, address: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one resolved *address* (as getaddrinfo gives it), or refuse.

        This is the last step before connecting, and it sees exactly what is connected to.
        """
        family, kind, protocol, _, endpoint = address
        host = str(endpoint[0]).partition("%")[0]
        try:
            self.rules.check_machine(ip_address(host))
        except AddressRefused as refusal:
            raise PermissionError(errno.EACCES, refusal.detail) from refusal
        return socket.socket(family, kind, protocol)


@dataclass(frozen=True, slots=True)
class _Client:
    """One purpose of an egress: only 200 answers count, and a refused address is an outage."""

    egress: Egress
    purpose: Purpose

    async def get(self, url: str, *, bytes_max: int, timeout_seconds: float) -> bytes:
        """Return the body of a 200 answer, or raise Unavailable."""
        exchange = self.egress.get(
            url, self.purpose, bytes_max=bytes_max, timeout_seconds=timeout_seconds
        )
        return await _body_of(url, exchange)

    async def ask(
        self, url: str, *, content_type: str, body: bytes, bytes_max: int, timeout_seconds: float
    ) -> bytes:
        """Return the body of a 200 answer to *body*, or raise Unavailable."""
        return await _body_of(
            url,
            self.egress.ask(
                url,
                self.purpose,
                content_type=content_type,
                body=body,
                bytes_max=bytes_max,
                timeout_seconds=timeout_seconds,
            ),
        )


async def _body_of(url: str, exchange: Awaitable[WebAnswer]) -> bytes:
    try:
        answer = await exchange
    except AddressRefused as exc:
        raise Unavailable(exc.detail) from exc
    if answer.status != 200:
        raise Unavailable(f"{url} answered {answer.status}")
    return answer.body


def tls_context(ca_files: Iterable[Path] = ()) -> ssl.SSLContext:
    """Return the TLS client settings: 1.2 or later, names checked, against the public authorities.

    *ca_files* (PEM) take the place of the public authorities.  [PEPPOL-AS4 §2.2.2]
    """
    files = list(ca_files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for each in files:
        context.load_verify_locations(each)
    if not files:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, CONNECT_SECONDS_MAX))


async def _read_head(response: aiohttp.ClientResponse) -> bytes:
    """Return the first bytes of the answer, as far as they come soon; hang up if it goes on."""
    head = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(NOTICE_SECONDS_MAX):
            while len(head) <= NOTICE_BYTES_MAX and not response.content.at_eof():
                head += await response.content.read(NOTICE_BYTES_MAX + 1 - len(head))
    if not response.content.at_eof():
        response.close()
    return bytes(head[:NOTICE_BYTES_MAX])


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """Return the body, gzip undone, or raise Unavailable as soon as it passes *bytes_max*."""
    host = response.url.host
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > bytes_max:
            raise Unavailable(f"{host} answered with more than {bytes_max} bytes")
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding == "identity":
        return bytes(body)
    # INTEROP(phoss-smp): some servers compress although nobody asked for it.
    if coding not in ("gzip", "x-gzip"):
        raise Unavailable(f"{host} answered in the unknown coding {coding!r}")
    try:
        return inflate(bytes(body), bytes_max)
    except DecompressionFailure as exc:
        raise Unavailable(f"{host} answered with bad gzip: {exc.detail}") from exc
