"""A sending access point for tests of a running gateway: seals, posts, retries, checks receipts.

It uses the libraries (`as4`, `ubl`) and none of the gateway, so that a gateway is always tested
against something that shares no state with it.
"""

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
from as4.signal import Receipt, check_receipt, read_signal
from gateway.sandbox.pki import Identity, SandboxPki
from ubl.identifiers import ParticipantId
from ubl.routing import Routing, read_routing
from ubl.sbdh import build_envelope

ANSWER_BYTES_MAX = 1 << 20
NUMBER, SUPPLIER = b"2026-0042", b">0123456749<"


def key_pair(identity: Identity) -> KeyPair:
    return KeyPair(identity.key, load_certificate(identity.certificate_der))


def an_invoice(*, number: str, attachment_bytes: int = 0, sender: str = "0123456749") -> bytes:
    """The sandbox's invoice under another number, with random bytes attached if wanted."""
    text = (files("gateway.sandbox") / "invoice.xml").read_bytes().replace(NUMBER, number.encode())
    text = text.replace(SUPPLIER, f">{sender}<".encode())
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
    """A foreign access point: its key, and the certificate and name of whom it sends to."""

    key: KeyPair
    receiver: Identity
    trust: Anchors

    @classmethod
    def of(cls, pki: SandboxPki, identity: Identity, receiver: Identity) -> "Peer":
        trust = Anchors.load(pki.root.certificate_der, pki.ap_ca.certificate_der)
        return cls(key_pair(identity), receiver, trust)

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
        now = datetime.now(UTC)
        header = routing.header(
            instance_identifier=instance or str(uuid.uuid4()),
            created_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            country_c1="BE",
        )
        before, after = build_envelope(header)
        return pack.seal(
            self.message(routing, now),
            gzip_compress(before + document + after),
            signer=self.key,
            recipient=load_certificate(self.receiver.certificate_der),
            content_key=os.urandom(16),
            iv=os.urandom(12),
            nonce=uuid.uuid4().hex,
        )

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

    def check(self, sealed: SealedMessage, answer: HttpAnswer) -> Receipt:
        """Return the receipt for *sealed*, or raise whatever is wrong with the answer."""
        signal = read_signal(
            answer.body,
            check_signer=lambda der, now: check_certificate(
                der, anchors=self.trust, now=now, use=Use.SIGN
            ),
            now=datetime.now(UTC),
        )
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
    connector = aiohttp.TCPConnector(ssl=context, limit=connections)
    return aiohttp.ClientSession(connector=connector)


async def post(
    session: aiohttp.ClientSession, url: str, sealed: SealedMessage, *, timeout_seconds: float = 30
) -> HttpAnswer:
    return await post_message(
        session,
        url,
        sealed.content_type,
        sealed.body,
        timeout_seconds=timeout_seconds,
        answer_bytes_max=ANSWER_BYTES_MAX,
    )
