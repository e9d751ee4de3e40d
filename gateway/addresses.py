"""Which addresses the gateway may connect to: by scheme, port, spelling and machine.

It opens nothing: `gateway.egress` asks here before each connection.
"""

import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from yarl import URL

__all__ = ["AddressRefused", "EgressRules", "Purpose", "is_public"]

HOSTS_REMEMBERED = 1024  # LIMIT: hosts whose spelling was looked at; most posts go to a few.
FREE_PORTS_FROM: Final = 1024
"""The ports below belong to protocols that a webhook must not speak to."""
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
# What the interpreter's own tables leave out, by version: protocol assignments, 6to4 relays,
# documentation; and one host with a public number that is a cloud's metadata service (Azure).
_NOT_PUBLIC = tuple(
    ip_network(each)
    for each in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20", "168.63.129.16/32")
)
_NOT_IN_URLS = re.compile(r"[^!-~]|[<>\"\\^`{|}]")
"""What RFC 3986 leaves no room for: blanks, controls (a line end would begin another request)."""
_NAME_MAX: Final = 253  # LIMIT: characters of a name.  [RFC1035 §2.3.4]
_LABEL_MAX: Final = 63  # LIMIT: characters between two dots.  [RFC1035 §2.3.4]


class Purpose(StrEnum):
    """What an address is for; each has its own rule for scheme and port."""

    SMP = "smp"
    AS4 = "as4"
    CRL = "crl"
    OCSP = "ocsp"
    WEBHOOK = "webhook"


class AddressRefused(Exception):  # noqa: N818 - it says what happened
    """An address is not one we connect to; *detail* says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRules:
    """Whom we speak to: *sandbox* lets http, any port and this machine itself pass as well."""

    sandbox: bool = False
    as4_ports: Collection[int] = (443,)

    def check(self, url: str, purpose: Purpose) -> URL:
        """Return *url*, parsed, if we may connect to it for *purpose*, else raise AddressRefused.

        A literal address is judged here; a name is judged when it is resolved.
        """
        if _NOT_IN_URLS.search(url):
            raise AddressRefused(f"{url[:200]!r} holds characters that an address cannot have")
        try:
            parsed = URL(url, encoded=True)
            host, port = parsed.host, parsed.port
        except ValueError as exc:
            raise AddressRefused(f"{url!r} is not an address: {exc}") from exc
        if parsed.scheme not in ("https", "http") or not host or port is None:
            raise AddressRefused(f"{url!r} is not an https address")
        if parsed.user is not None or parsed.password is not None or parsed.raw_fragment:
            raise AddressRefused(f"{url!r} has a user name, password or fragment")
        if not self.sandbox:
            self._check_port(parsed, host, port, purpose)
        literal = _literal(host)
        if literal is not None:
            self.check_machine(literal)
        elif not _is_name(host):
            raise AddressRefused(f"{host[:200]!r} is not a name: a part of it is empty or too long")
        return parsed

    def check_machine(self, address: IPv4Address | IPv6Address) -> None:
        """Raise AddressRefused unless we may connect to the machine at *address*."""
        if not (is_public(address) or (self.sandbox and _is_loopback(address))):
            raise AddressRefused(f"{address} is not a public address")

    def _check_port(self, url: URL, host: str, port: int, purpose: Purpose) -> None:
        # The profile wants https on 443; answers about revocation are signed.
        # [PEPPOL-AS4 §2.2.2] [PEPPOL-SMP §4.1] [RFC5280 §8]
        if purpose is Purpose.WEBHOOK:
            if url.scheme != "https" or (port != 443 and port < FREE_PORTS_FROM):
                wanted = f"https on port 443, or from {FREE_PORTS_FROM} on"
                raise AddressRefused(f"{url.scheme} on port {port} at {host}: it must be {wanted}")
            return
        allowed = {
            Purpose.SMP: {("https", 443)},
            Purpose.AS4: {("https", each) for each in self.as4_ports},
            Purpose.CRL: {("http", 80), ("https", 443)},
            Purpose.OCSP: {("http", 80), ("https", 443)},
        }[purpose]
        if (url.scheme, port) not in allowed:
            wanted = " or ".join(sorted(f"{scheme} on port {each}" for scheme, each in allowed))
            raise AddressRefused(f"{url.scheme} on port {port} at {host}: {purpose} needs {wanted}")


@lru_cache(HOSTS_REMEMBERED)
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
        if address not in _UNICAST:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _is_name(host: str) -> bool:
    """Say whether a resolver can be asked for *host*; a dot at its end is the root's."""
    name = host.removesuffix(".")
    labels = name.split(".")
    return len(name) <= _NAME_MAX and all(0 < len(each) <= _LABEL_MAX for each in labels)


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


@lru_cache(HOSTS_REMEMBERED)
def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that *host* spells, in any way the machine's resolver understands."""
    try:
        return ip_address(host.partition("%")[0].rstrip("."))
    except ValueError:
        pass
    try:
        # Short, octal, hexadecimal and single-number forms: 127.1, 0177.0.0.1, 0x7f000001.
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
