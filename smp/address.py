"""Which addresses of the network we may follow: scheme, port and form.

The rules are a value.  Whether the host is a private address is the business of whoever connects.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

# LIMIT: browsers and proxies agree on about 2,000 characters; an SMP base is far shorter.
ADDRESS_CHARACTERS_MAX: Final = 2000

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What an address may look like; a port set of `None` allows every port."""

    http: bool = False
    smp_ports: frozenset[int] | None = frozenset({443})
    as4_ports: frozenset[int] | None = frozenset({443})


PUBLIC: Final = AddressRules()
"""https on port 443, for the test and production networks.  [PEPPOL-SMP §2] [PEPPOL-AS4 §2]"""

SANDBOX: Final = AddressRules(http=True, smp_ports=None, as4_ports=None)
"""Any port, http too: a network of our own on the loopback interface."""


def check_smp_address(url: str, rules: AddressRules) -> str:
    """Return *url* if an SMP may live there, else raise ValueError saying what is wrong.

    An SMP address carries neither a user nor a query nor a fragment: paths are appended to it.
    [PEPPOL-SML §3]
    """
    parts = _split(url, http=rules.http)
    if parts.query or "?" in url:
        raise ValueError(f"has a query: {url}")
    _check_port(parts, rules.smp_ports, url)
    return url


def check_as4_address(url: str, rules: AddressRules) -> str:
    """Return *url* if an access point may live there, else raise ValueError saying why not."""
    parts = _split(url, http=rules.http)
    _check_port(parts, rules.as4_ports, url)
    return url


def _split(url: str, *, http: bool) -> SplitResult:
    if len(url) > ADDRESS_CHARACTERS_MAX:
        raise ValueError(f"is longer than {ADDRESS_CHARACTERS_MAX} characters")
    # urlsplit drops tabs and line ends silently, and a client might read the rest differently.
    if not url.isascii() or any(character <= " " or character in '\\"<>^`{|}' for character in url):
        raise ValueError(f"has characters no address may have: {url!r}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"is no address: {url} ({exc})") from exc
    if parts.scheme not in (("https", "http") if http else ("https",)):
        raise ValueError(f"is not https: {url}")
    if not parts.hostname or port == 0:
        raise ValueError(f"names no host: {url}")
    if "@" in parts.netloc:
        raise ValueError(f"has a user part: {url}")
    if parts.fragment or "#" in url:
        raise ValueError(f"has a fragment: {url}")
    return parts


def _check_port(parts: SplitResult, ports: frozenset[int] | None, url: str) -> None:
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if ports is not None and port not in ports:
        raise ValueError(f"is not on port {', '.join(map(str, sorted(ports)))}: {url}")
