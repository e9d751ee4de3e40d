"""What is tested: addresses, certificates, whom it serves, and two optional doors into it.

Nothing here knows how the target was found or started; whoever runs the suite fills it in.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from as4.certificates import Anchors, Certificate
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

PATIENCE_SECONDS: Final = 40.0
"""How long the sending of one document may take, unless the operator says otherwise."""

__all__ = ["PATIENCE_SECONDS", "Ending", "Inbox", "Outbox", "Publishing", "Target"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the sending of a document stands.

    *delivered* is None while it is not over; *words* are what the target says about it, with the
    codes of ebMS errors where it names them.
    """

    delivered: bool | None
    words: str = ""


class Inbox(Protocol):
    """What the target delivered to its users."""

    async def find(self, message_id: str) -> Sequence[bytes]:
        """Return the documents that the AS4 message *message_id* brought, none if there are none.

        Each from its root's first byte to its last.  Waits until it is sure.
        """
        ...


class Outbox(Protocol):
    """Makes the target send."""

    async def send(self, document: bytes, receiver: ParticipantId) -> str:
        """Hand in *document* for *receiver*; return a name under which its ending is asked."""
        ...

    async def ending(self, name: str) -> Ending:
        """Return how the sending of *name* stands now."""
        ...

    async def ping(self, receiver: ParticipantId) -> Ending:
        """Send a test message to the access point of *receiver*; return how that ended.

        Raises NotImplementedError where the target cannot be told to.
        """
        ...


class Publishing(Protocol):
    """The directory in which the target finds the tester's participant."""

    async def publish(self, participant: ParticipantId, url: str, certificate_pem: bytes) -> None:
        """Let *participant* be found at the AS4 address *url* with this certificate."""
        ...

    async def withdraw(self, participant: ParticipantId) -> None:
        """Let *participant* be unknown again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The access point under test.

    It receives at *as4_url* with *certificate* for *participant*, who takes *document_type* in
    *process*; *document* is one of that type to it, and *outgoing* makes one of a given number
    from it to another participant.  *trust* are the authorities of access points,
    *smp_trust* those of publishers, *tls* how an https address is checked.  What it sends to the
    tester arrives at *listen_at* (host and port, 0 for any); *patience_seconds* is how long its
    sending of one document may take, with all that it tries again.
    """

    as4_url: str
    certificate: Certificate
    trust: Anchors
    participant: ParticipantId
    document_type: DocumentTypeId
    process: ProcessId
    document: bytes
    outgoing: Callable[[str, ParticipantId], bytes] | None = None
    tls: ssl.SSLContext | None = None
    smp_url: str | None = None
    smp_trust: Anchors | None = None
    dns: tuple[str, int] | None = None
    zone: str | None = None
    inbox: Inbox | None = None
    outbox: Outbox | None = None
    publishing: Publishing | None = None
    can_ping: bool = False
    listen_at: tuple[str, int] = ("127.0.0.1", 0)
    patience_seconds: float = PATIENCE_SECONDS

    @property
    def seat(self) -> str:
        """The seat id of the target, as its certificate names it."""
        return self.certificate.subject_cn

    @property
    def is_loopback(self) -> bool:
        """Whether the target is on this machine, by its addresses."""
        urls = [url for url in (self.as4_url, self.smp_url) if url]
        return all(_is_loopback(urlsplit(url).hostname or "") for url in urls)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
