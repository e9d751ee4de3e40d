"""What lies outside the machine, as the gateway's own code sees it.

PostgreSQL and the disk are not here: tests use the real ones. `gateway.egress` implements what
speaks HTTP, `smp.client` asks the DNS, `gateway.clock` tells the time.
"""

from collections.abc import AsyncIterable
from typing import Protocol

from as4.client import HttpAnswer

__all__ = ["HttpAsker", "HttpGetter", "MessagePoster"]


class HttpGetter(Protocol):
    """Fetches one resource of a kind whose rules it knows (revocation lists, say)."""

    async def get(self, url: str, *, bytes_max: int, timeout_seconds: float) -> bytes:
        """Return the body of a 200 answer.

        Raises `gateway.errors.Unavailable` for everything else, a forbidden address included.
        """
        ...


class HttpAsker(Protocol):
    """Posts questions of a kind whose rules it knows (OCSP, say)."""

    async def ask(
        self, url: str, *, content_type: str, body: bytes, bytes_max: int, timeout_seconds: float
    ) -> bytes:
        """Return the body of the 200 answer to *body*; raises like `HttpGetter.get`."""
        ...


class MessagePoster(Protocol):
    """Posts a sealed message to another access point."""

    def check(self, url: str) -> None:
        """Raise `gateway.egress.AddressRefused` when *url* is not one we post to."""
        ...

    async def post(
        self, url: str, content_type: str, body: bytes | AsyncIterable[bytes]
    ) -> HttpAnswer:
        """Return what the access point at *url* answered to *body*.

        Raises `gateway.egress.AddressRefused` before anything is sent when *url* is not one we
        connect to, and `as4.client.TransportFailure` when the exchange broke.
        """
        ...
