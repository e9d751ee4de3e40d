"""Every outgoing HTTP connection: what may be asked, of whom, how much of it, and for how long.

Addresses come from strangers (service metadata, certificates), so outside the sandbox an address
must be https on its usual port (revocation lists: http on 80 too), and the machine must be a
public one. That is judged on the socket address itself, at the moment the socket is made: a
literal, a name that resolves to a private address and a name that changes its mind between check
and connection are all the same there. Redirects are never followed, proxies and cookies never used.
"""

import errno
import socket
import ssl
from collections.abc import AsyncIterable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from as4.client import HttpAnswer, post_message
from as4.compression import inflate
from as4.errors import DecompressionFailure
from gateway.errors import Unavailable
from gateway.ports import HttpGetter

__all__ = ["AddressRefused", "Egress", "EgressRules", "Purpose", "is_public", "tls_context"]

CONNECTIONS_MAX = 32  # LIMIT: messages under way at once; look-ups have a pool of their own.
CONNECTIONS_PER_HOST_MAX = 8  # LIMIT: one slow access point cannot use up the pool.
KEEP_ALIVE_SECONDS = 10.0  # LIMIT: shorter than servers do, so that a kept connection is alive.
CONNECT_SECONDS_MAX = 10.0  # LIMIT: name, connection and TLS; phase4 allows 5 s.
ANSWER_BYTES_MAX = 1024 * 1024  # LIMIT: a receipt has some 10 KB.
_CHUNK = 64 * 1024
_NAT64 = IPv6Network("64:ff9b::/96")


class Purpose(StrEnum):
    """What an address is for; each has its own rule for scheme and port."""

    SMP = "smp"
    AS4 = "as4"
    CRL = "crl"


class AddressRefused(Exception):  # noqa: N818 - it says what happened
    """An address is not one we connect to; *detail* says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRules:
    """Whom we speak to: *open* is the sandbox, where http, any port and any machine pass."""

    open: bool = False
    as4_ports: Collection[int] = (443,)

    def check(self, url: str, purpose: Purpose) -> URL:
        """Return *url*, parsed, if we may connect to it for *purpose*, else raise AddressRefused.

        A literal address is judged here; a name is judged when it is resolved.
        """
        try:
            parsed = URL(url, encoded=True)
            host, port = parsed.host, parsed.port
        except ValueError as exc:
            raise AddressRefused(f"{url!r} is not an address: {exc}") from exc
        if parsed.scheme not in ("https", "http") or not host or port is None:
            raise AddressRefused(f"{url!r} is not an https address")
        if parsed.user is not None or parsed.password is not None or parsed.raw_fragment:
            raise AddressRefused(f"{url!r} has a user name, password or fragment")
        if not self.open:
            self._check_strictly(parsed, host, port, purpose)
        return parsed

    def _check_strictly(self, url: URL, host: str, port: int, purpose: Purpose) -> None:
        # The profile wants https on 443; lists are fetched over http, since they are signed.
        # [PEPPOL-AS4 §2.2.2] [PEPPOL-SMP §4.1] [RFC5280 §8]
        allowed = {
            Purpose.SMP: {("https", 443)},
            Purpose.AS4: {("https", each) for each in self.as4_ports},
            Purpose.CRL: {("http", 80), ("https", 443)},
        }[purpose]
        if (url.scheme, port) not in allowed:
            wanted = " or ".join(sorted(f"{scheme} on port {each}" for scheme, each in allowed))
            raise AddressRefused(f"{url.scheme} on port {port} at {host}: {purpose} needs {wanted}")
        literal = _literal(host)
        if literal is not None and not is_public(literal):
            raise AddressRefused(f"{host} is not a public address")


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a GET was answered."""

    status: int
    content_type: str
    body: bytes


class Egress:
    """The gateway's HTTP client: `get`, `getter` and `post`; close it at the end.

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
        parsed = self.rules.check(url, purpose)
        try:
            async with self._lookups.get(
                parsed,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity"},
                timeout=_timeout(timeout_seconds),
            ) as response:
                body = await _read(response, bytes_max)
                return WebAnswer(response.status, response.content_type, body)
        except TimeoutError as exc:
            raise Unavailable(f"{parsed.host} did not answer in time") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Unavailable(f"{parsed.host}: {exc}") from exc

    def getter(self, purpose: Purpose) -> HttpGetter:
        """Return what fetches 200 answers for *purpose* alone."""
        return _Getter(self, purpose)

    def check(self, url: str) -> None:
        """Raise AddressRefused when *url* is not one that messages are posted to."""
        self.rules.check(url, Purpose.AS4)

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
        if not self.rules.open and not is_public(ip_address(host)):
            raise PermissionError(errno.EACCES, f"{host} is not a public address")
        return socket.socket(family, kind, protocol)


@dataclass(frozen=True, slots=True)
class _Getter:
    egress: Egress
    purpose: Purpose

    async def get(self, url: str, *, bytes_max: int, timeout_seconds: float) -> bytes:
        """Return the body of a 200 answer, or raise Unavailable."""
        try:
            answer = await self.egress.get(
                url, self.purpose, bytes_max=bytes_max, timeout_seconds=timeout_seconds
            )
        except AddressRefused as exc:
            raise Unavailable(exc.detail) from exc
        if answer.status != 200:
            raise Unavailable(f"{url} answered {answer.status}")
        return answer.body


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether *address* belongs to the public Internet.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64, Teredo) is judged by that one.
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that *host* spells, in any way the machine's resolver understands."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # Short, octal, hexadecimal and single-number forms: 127.1, 0177.0.0.1, 0x7f000001.
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


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
