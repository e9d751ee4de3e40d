"""A sending access point for tests of a running gateway: seals, posts, retries, checks receipts.

It uses the libraries (`as4`, `ubl`) and none of the gateway, so that a gateway is always tested
against something that shares no state with it.  Under pytest it is the awkward peer: what the
specifications leave free it writes as the run's seed says (`tests.support.awkwardness`).
"""

import asyncio
import base64
import os
import ssl
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files

import aiohttp

from as4 import pack
from as4.certificates import Anchors, KeyPair, Use, check_certificate, load_certificate
from as4.client import HttpAnswer, post_message
from as4.compression import gzip_compress
from as4.pack import OutboundMessage, SealedMessage, Service
from as4.signal import ErrorSignal, Receipt, check_receipt, read_signal
from conformance.awkward import sending as awkward
from conformance.awkward.dice import stream
from conformance.awkward.transfer import draw_transfer, pieces
from conformance.awkward.variation import draw_variation
from gateway.sandbox.pki import Identity, SandboxPki
from tests.support import awkwardness
from tests.support.awkwardness import TOOLS
from ubl.identifiers import ParticipantId
from ubl.routing import Routing, read_routing
from ubl.sbdh import build_envelope

ANSWER_BYTES_MAX = 1 << 20
IDLE_SECONDS_MAX = 300  # Of a connection that stays open: a busy machine may need its time.
NUMBER, SUPPLIER, CUSTOMER = "2026-0042", "0123456749", "0987654394"


def key_pair(identity: Identity) -> KeyPair:
    return KeyPair(identity.key, load_certificate(identity.certificate_der))


def an_invoice(
    *,
    number: str,
    attachment_bytes: int = 0,
    sender: str = SUPPLIER,
    receiver: str = CUSTOMER,
) -> bytes:
    """The sandbox's invoice under another number, with random bytes attached if wanted."""
    text = (files("gateway.sandbox") / "invoice.xml").read_bytes()
    for old, new in ((NUMBER, number), (SUPPLIER, sender), (CUSTOMER, receiver)):
        text = text.replace(f">{old}<".encode(), f">{new}<".encode())
    if attachment_bytes:
        content = base64.b64encode(os.urandom(attachment_bytes))
        reference = (
            b"<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment>"
            b'<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">'
            + content
            + b"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment>"
            b"</cac:AdditionalDocumentReference>\n  <cac:AccountingSupplierParty>"
        )
        text = text.replace(b"<cac:AccountingSupplierParty>", reference, 1)
    return text


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed message and the document inside it."""

    message: SealedMessage
    document: bytes
    number: str


@dataclass(frozen=True, slots=True)
class Peer:
    """A foreign access point: its key, and the certificate and name of whom it sends to.

    *seed* makes it awkward; without one its messages are as plain as ours.
    """

    key: KeyPair
    receiver: Identity
    trust: Anchors
    seed: int | None = None

    @classmethod
    def of(cls, pki: SandboxPki, identity: Identity, receiver: Identity) -> "Peer":
        trust = Anchors.load(pki.root.certificate_der, pki.ap_ca.certificate_der)
        return cls(key_pair(identity), receiver, trust, awkwardness.run_seed())

    def seal(
        self, number: str, *, attachment_bytes: int = 0, instance: str | None = None
    ) -> Sealed:
        """Seal an invoice called *number* to the receiver's participant."""
        document = an_invoice(number=number, attachment_bytes=attachment_bytes)
        routing = read_routing(document)
        cut = document[routing.root_offset : routing.root_end]
        return Sealed(self.seal_document(routing, cut, instance=instance), cut, number)

    def seal_document(
        self, routing: Routing, document: bytes, *, instance: str | None = None
    ) -> SealedMessage:
        envelope = self.envelope(routing, document, instance=instance)
        message = self.message(routing, datetime.now(UTC))
        recipient = load_certificate(self.receiver.certificate_der)
        if self.seed is not None:
            how = draw_variation(self.seed, awkwardness.next_name())
            return awkward.seal(
                message, envelope, how, signer=self.key, recipient=recipient, tools=TOOLS
            ).message
        return pack.seal(
            message,
            gzip_compress(envelope),
            signer=self.key,
            recipient=recipient,
            content_key=os.urandom(16),
            iv=os.urandom(12),
            nonce=uuid.uuid4().hex,
        )

    def envelope(self, routing: Routing, document: bytes, *, instance: str | None = None) -> bytes:
        """The business envelope around *document*."""
        header = routing.header(
            instance_identifier=instance or str(uuid.uuid4()),
            created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            country_c1="BE",
        )
        before, after = build_envelope(header)
        return before + document + after

    def message(self, routing: Routing, now: datetime) -> OutboundMessage:
        return OutboundMessage(
            message_id=f"{uuid.uuid4()}@peer.example",
            conversation_id=str(uuid.uuid4()),
            timestamp=now,
            from_party=self.key.certificate.subject_cn,
            to_party=load_certificate(self.receiver.certificate_der).subject_cn,
            service=Service(routing.process.value, routing.process.scheme),
            action=routing.document_type.uri,
            original_sender=routing.sender,
            final_recipient=routing.receiver,
        )

    def read(self, answer: HttpAnswer) -> Receipt | ErrorSignal:
        """Return the signal in *answer*, or raise whatever is wrong with it."""
        return read_signal(
            answer.body,
            check_signer=lambda der, now: check_certificate(
                der, anchors=self.trust, now=now, use=Use.SIGN
            ),
            now=datetime.now(UTC),
        )

    def check(self, sealed: SealedMessage, answer: HttpAnswer) -> Receipt:
        """Return the receipt for *sealed*, or raise whatever is wrong with the answer."""
        signal = self.read(answer)
        if not isinstance(signal, Receipt):
            raise TypeError(f"no receipt but {[error.code for error in signal.errors]}")
        to_party = load_certificate(self.receiver.certificate_der).subject_cn
        return check_receipt(
            signal, sealed.references, message_id=sealed.message_id, to_party=to_party
        )


def addressed_to(routing: Routing, receiver: str) -> Routing:
    """*routing* with another receiver than the document says."""
    return replace(routing, receiver=ParticipantId.parse(receiver))


def tls_session(tls_ca: Identity, *, connections: int = 32) -> aiohttp.ClientSession:
    """A client session that trusts the sandbox's web authority."""
    context = ssl.create_default_context(cadata=tls_ca.certificate_pem.decode())
    connector = aiohttp.TCPConnector(
        ssl=context, limit=connections, keepalive_timeout=IDLE_SECONDS_MAX
    )
    return aiohttp.ClientSession(connector=connector)


async def post(
    session: aiohttp.ClientSession, url: str, sealed: SealedMessage, *, timeout_seconds: float = 30
) -> HttpAnswer:
    seed, body = awkwardness.run_seed(), sealed.body
    if seed is not None:
        how = draw_transfer(stream(seed, "post", sealed.message_id))
        body = pieces(sealed.body, how, asyncio.sleep) if how.chunked else sealed.body
    return await post_message(
        session,
        url,
        sealed.content_type,
        body,
        timeout_seconds=timeout_seconds,
        answer_bytes_max=ANSWER_BYTES_MAX,
    )
