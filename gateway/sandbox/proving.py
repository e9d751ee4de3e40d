"""What the conformance suite needs to know of a sandbox: its red access point as a target.

Everything comes out of `sandbox.json` and the files that it names, so a sandbox of another process
is tested like one of our own.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Anchors, Certificate, KeyPair, load_certificate, load_key_pair
from conformance.suite.bench import Tester
from conformance.suite.keys import Keys
from conformance.suite.target import Ending, Target
from conformance.suite.tools import Tools
from gateway.client import FINAL_STATUSES, Document, GatewayClient
from gateway.clock import SystemClock
from gateway.errors import Fault, Kind, Unavailable
from gateway.sandbox import pki as authorities
from gateway.sandbox.network import BLUE, RED
from gateway.sandbox.pki import Identity, KeyUse, SandboxPki
from gateway.sandbox.stories import document_bytes, sample_invoice
from ubl.identifiers import BILLING, INVOICE, ParticipantId

__all__ = [
    "SandboxTarget",
    "invoice_between",
    "issue_testers",
    "machine_tools",
    "make_tester",
    "open_sandbox",
]

SEAT, THIRD_SEAT = "PBE000777", "PBE000778"
STRANGER = ParticipantId.parse("0208:0428759497")
INBOX_SECONDS_MAX = 20.0  # LIMIT: a document that is not delivered by then never will be.
INBOX_PAGE = 200  # LIMIT: the newest documents, among which the one that was just sent is.


def machine_tools() -> Tools:
    """Return the machine's clock and chance, as the suite takes them."""
    clock = SystemClock()
    return Tools(clock.now, clock.monotonic, lambda: str(clock.uuid()), clock.random)


def make_tester(tools: Tools) -> Tester:
    """Return a tester with participants that nobody has looked up before.

    A target may remember for a while where a participant was found.
    """
    first, second = (int.from_bytes(tools.random(4)) % 10_000_000 for _ in range(2))
    return Tester(_company(first), _company(second), STRANGER)


def _company(number: int) -> ParticipantId:
    """Return the participant of a made-up Belgian company, with its check digits."""
    base = 7 * 10**6 + number % 10**6
    return ParticipantId.parse(f"0208:0{base:07}{97 - base % 97:02}")


@dataclass(frozen=True, slots=True)
class SandboxTarget:
    """A sandbox's red access point as a target, and keys and names to test it with."""

    target: Target
    keys: Keys
    tester: Tester


@asynccontextmanager
async def open_sandbox(facts: dict[str, Any], tools: Tools) -> AsyncIterator[SandboxTarget]:
    """Yield red of the sandbox that *facts* (of `sandbox.json`) describe, while it runs.

    The tester's identities are issued by the sandbox's own authorities.  Raises Fault when a file
    that it names cannot be read, Unavailable when it does not answer.
    """
    try:
        pki, key, certificate = await asyncio.to_thread(_read_files, facts)
        red = facts["red"]
    except (OSError, KeyError, ValueError) as error:
        detail = f"the sandbox cannot be read: {error!r}; is it still running?"
        raise Fault(Kind.INVALID, "bad-sandbox", detail) from error
    tester = make_tester(tools)
    pairs = await asyncio.to_thread(issue_testers, pki, tools.now())
    participant = ParticipantId.parse(red["participant"])
    host, _, port = str(facts["dns"]).rpartition(":")
    async with GatewayClient(red["api"], key) as client:
        control = _Control(str(facts["control"]))
        await control.revoke(pairs["revoked"].certificate_pem)
        target = Target(
            as4_url=red["as4"],
            certificate=certificate,
            trust=Anchors.load(pki.root.certificate_der, pki.ap_ca.certificate_der),
            participant=participant,
            document_type=INVOICE,
            process=BILLING,
            document=invoice_between(tester.participant, participant, "TO-TARGET-1"),
            outgoing=lambda number, receiver: invoice_between(participant, receiver, number),
            tls=ssl.create_default_context(cadata=pki.tls_ca.certificate_pem.decode()),
            smp_url=red["smp"],
            smp_trust=Anchors.load(pki.root.certificate_der, pki.smp_ca.certificate_der),
            dns=(host, int(port)),
            zone=str(facts["zone"]),
            inbox=_Inbox(client),
            outbox=_Outbox(client),
            publishing=control,
            can_ping=True,
        )
        keys = {name: _pair(identity) for name, identity in pairs.items()}
        yield SandboxTarget(target, Keys(keys, certificate), tester)


def _read_files(facts: dict[str, Any]) -> tuple[SandboxPki, str, Certificate]:
    """Return the sandbox's authorities, the key of red's API, and red's certificate."""
    pki = authorities.load_pki(Path(facts["pki"]))
    key = Path(facts["red"]["api_key_file"]).read_text().strip()
    pem = Path(facts["red"]["certificate"]).read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return pki, key, load_certificate(der)


def invoice_between(seller: ParticipantId, buyer: ParticipantId, number: str) -> bytes:
    """Return an invoice called *number*, from its root's first byte to its last."""
    before, supplier, rest = document_bytes(sample_invoice(number)).partition(
        _endpoint(BLUE.participant)
    )
    between, customer, after = rest.partition(_endpoint(RED.participant))
    assert supplier, "the sample names blue as its supplier"
    assert customer, "the sample names red as its customer"
    return before + _endpoint(seller) + between + _endpoint(buyer) + after


def _endpoint(participant: ParticipantId) -> bytes:
    scheme, _, value = participant.value.partition(":")
    return f'EndpointID schemeID="{scheme}">{value}<'.encode()


def issue_testers(pki: SandboxPki, now: datetime) -> dict[str, Identity]:
    """Return an identity below *pki* for each name in `conformance.suite.keys.NAMES`.

    "revoked" is issued, and not revoked yet.
    """
    stranger = authorities.make_pki(now=now, revocation_url=None)
    issue = partial(authorities.issue_access_point, pki, SEAT)
    good = issue(now=now)
    return {
        "sender": good,
        "third": authorities.issue_access_point(pki, THIRD_SEAT, now=now),
        "expired": issue(now=now - timedelta(days=30), days=10),
        "not-yet-valid": issue(now=now + timedelta(days=10)),
        "revoked": authorities.issue_access_point(_listed_apart(pki, now), SEAT, now=now),
        "foreign": authorities.issue_access_point(stranger, SEAT, now=now),
        "bad-cn": authorities.issue_access_point(pki, "ap.example", now=now),
        "direct-root": authorities.issue_access_point(replace(pki, ap_ca=pki.root), SEAT, now=now),
        "encipher-only": issue(now=now, use=KeyUse(digital_signature=False)),
        "publisher-as-ap": authorities.issue_publisher(pki, SEAT, now=now),
    }


def _listed_apart(pki: SandboxPki, now: datetime) -> SandboxPki:
    """Return *pki* with its lists at an address that nobody has asked before.

    Who keeps a list by its address would not see for an hour what was revoked just now.
    """
    run = f"?run={int(now.timestamp())}&list="
    return replace(pki, revocation_url=f"{pki.revocation_url}/ap-ca.crl{run}")


def _pair(identity: Identity) -> KeyPair:
    return load_key_pair(identity.key_pem + identity.certificate_pem)


@dataclass(frozen=True, slots=True)
class _Inbox:
    """What red delivered, as its API shows it."""

    client: GatewayClient

    async def find(self, message_id: str) -> Sequence[bytes]:
        """Return the documents that came with *message_id*, once they are delivered."""
        documents = await self.client.list_documents(direction="in", limit=INBOX_PAGE)
        found = [each for each in documents.documents if each.message_id == message_id]
        return [await self._content(each) for each in found]

    async def _content(self, document: Document) -> bytes:
        delivered = await self.client.wait_for(document.id, timeout_seconds=INBOX_SECONDS_MAX)
        return await self.client.ubl(delivered.id)


@dataclass(frozen=True, slots=True)
class _Outbox:
    """Lets red send, over its API."""

    client: GatewayClient

    async def send(self, document: bytes, receiver: ParticipantId) -> str:
        """Hand in *document*; return its id."""
        sent = await self.client.send_document(document, to=receiver.value)
        return str(sent.id)

    async def ending(self, name: str) -> Ending:
        """Return how it stands, with what its timeline says."""
        document = await self.client.ask(Document, "GET", f"/v1/documents/{name}")
        events = await self.client.timeline(document.id)
        words = [f"{each.name} {each.detail.get('code') or ''}".strip() for each in events]
        is_over = document.status in FINAL_STATUSES
        return Ending(
            document.status == "delivered" if is_over else None,
            f"{document.status}: {', '.join(words)}",
        )

    async def ping(self, receiver: ParticipantId) -> Ending:
        """Send a test message."""
        facts = await self.client.ping(receiver.value)
        return Ending(bool(facts["ok"]), str(facts.get("detail", "")))


class _Control:
    """The address at which a sandbox is told who may be found, and what is revoked."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def publish(self, participant: ParticipantId, url: str, certificate_pem: bytes) -> None:
        """Let *participant* be found at *url*."""
        wanted = {
            "participant": participant.value,
            "endpoint": url,
            "certificate": certificate_pem.decode(),
        }
        await self._ask("POST", "/participants", wanted)

    async def withdraw(self, participant: ParticipantId) -> None:
        """Let *participant* be unknown again."""
        await self._ask("DELETE", f"/participants/{quote(participant.uri, safe='')}", None)

    async def revoke(self, certificate_pem: bytes) -> None:
        """Put a certificate on its authority's list."""
        await self._ask("POST", "/revocations", {"certificate": certificate_pem.decode()})

    async def _ask(self, method: str, path: str, body: dict[str, str] | None) -> None:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, self._url + path, json=body) as response,
            ):
                if response.status >= 400 and response.status != 404:
                    raise Unavailable(f"the sandbox refused {path}: HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the sandbox does not answer at {self._url}: {error}") from error
