"""The cells of eDelivery AS4 2.0: Peppol's headers under Ed25519, X25519, HKDF and AES key wrap.

The gateway does not speak it, so our side is the libraries alone. phase4's is phase4-lib set to
this suite; the artefacts of its own eDelivery 2.0 profile are not in the public registry.
"""

import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from as4 import pack
from as4.certificates import (
    CURVE_KEYS,
    Anchors,
    Certificate,
    CurvePair,
    Use,
    check_certificate,
    load_curve_pair,
)
from as4.compression import gzip_compress, inflate
from as4.errors import As4Error
from as4.errorsignal import build_error
from as4.pmode import PEPPOL, PMode
from as4.receipt import build_receipt
from as4.signal import Receipt, check_receipt, read_signal
from as4.suites import EDELIVERY_2
from as4.unpack import MessageReader, check_business_header
from gateway.sandbox.loopback import serve_application
from tests.interop import documents, phase4
from tests.interop.cells import OURS_TO_PHASE4, PHASE4_TO_OURS, REFUSED, Cell
from tests.interop.documents import Sample
from tests.interop.outgoing import holds
from tests.interop.phase4 import Keys, Phase4
from tests.support.certificates import a_certificate, key_usage, name_of
from tests.support.peer import post
from ubl.routing import read_routing
from ubl.sbdh import build_envelope, read_envelope

NAME = "eDelivery 2.0"
OUR_SEAT, THEIR_SEAT = "PBE000001", "PBE000009"
PEPPOL_NEXT = replace(PEPPOL, suite=EDELIVERY_2)
BODY_BYTES_MAX = 64 << 20
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Authority:
    """A root and an issuing authority on Curve25519, valid today, and the leaves below."""

    folder: Path
    root: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    issuer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    files: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        for name, key in (("A root", self.root), ("A CA", self.issuer)):
            usage = key_usage("key_cert_sign", "crl_sign")
            made = self._certify(name, key, "A root", self.root, usage, ca=True)
            path = self.folder / f"{name[2:]}.pem"
            path.write_bytes(made.public_bytes(Encoding.PEM))
            self.files.append(path)

    def anchors(self) -> Anchors:
        return Anchors.load(*[path.read_bytes() for path in self.files], kinds=CURVE_KEYS)

    def issue(self, seat: str, *, signs: bool) -> Path:
        """Write key and certificate of a leaf as one PEM file, and the certificate beside it."""
        key = Ed25519PrivateKey.generate() if signs else X25519PrivateKey.generate()
        usage = key_usage("digital_signature" if signs else "key_agreement")
        made = self._certify(seat, key, "A CA", self.issuer, usage)
        path = self.folder / f"{seat}-{'sign' if signs else 'crypt'}.pem"
        certificate = made.public_bytes(Encoding.PEM)
        path.with_suffix(".cert").write_bytes(certificate)
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate
        )
        return path

    @staticmethod
    def _certify(name: str, key: Any, above: str, signed_with: Any, usage: Any, **odd: Any) -> Any:
        now = datetime.now(UTC)
        return a_certificate(
            subject=name_of(name), issuer=name_of(above), public_key=key, signed_with=signed_with,
            digest=None, usage=usage, start=now - _DAY, end=now + _DAY, **odd,
        )  # fmt: skip


@dataclass(slots=True)
class Side:
    """An access point of ours made of the libraries: seals, and answers what it is sent."""

    signing: CurvePair
    opening: CurvePair
    recipient: Certificate
    anchors: Anchors
    pmode: PMode = PEPPOL_NEXT
    arrived: dict[str, bytes] = field(default_factory=dict)

    def check_signer(self, der: bytes, now: datetime) -> Certificate:
        return check_certificate(der, anchors=self.anchors, now=now, use=Use.SIGN)

    def seal(self, sample: Sample) -> pack.SealedMessage:
        now = datetime.now(UTC)
        routing = read_routing(sample.data)
        before, after = build_envelope(
            routing.header(
                instance_identifier=str(uuid.uuid4()),
                created_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
                country_c1="BE",
            )
        )
        document = sample.data[routing.root_offset : routing.root_end]
        return pack.seal(
            pack.OutboundMessage(
                message_id=f"{uuid.uuid4()}@peer.example",
                conversation_id=str(uuid.uuid4()),
                timestamp=now,
                from_party=self.signing.certificate.subject_cn,
                to_party=self.recipient.subject_cn,
                service=pack.Service(routing.process.value, routing.process.scheme),
                action=routing.document_type.uri,
                original_sender=routing.sender,
                final_recipient=routing.receiver,
            ),
            gzip_compress(before + document + after),
            signer=self.signing,
            recipient=self.recipient,
            content_key=os.urandom(16),
            iv=os.urandom(12),
            nonce=uuid.uuid4().hex,
            key_seed=os.urandom(self.pmode.suite.content_key.seed_bytes),
            pmode=self.pmode,
        )

    async def take(self, request: web.Request) -> web.Response:
        """Answer a message with a receipt or an error, both signed."""
        now = datetime.now(UTC)
        made = {"message_id": f"{uuid.uuid4()}@ours.example", "now": now, "signer": self.signing}
        made |= {"nonce": uuid.uuid4().hex, "pmode": self.pmode}
        try:
            received = self._open(request.headers["Content-Type"], await request.read(), now)
            soap = build_receipt(received, **made)
        except As4Error as error:
            soap = build_error(error, **made)
        return web.Response(body=soap, content_type="application/soap+xml")

    def _open(self, content_type: str, body: bytes, now: datetime) -> Any:
        reader = MessageReader(content_type, keep=True, pmode=self.pmode)
        reader.feed(body)
        reader.open_envelope(anchors_check=self.check_signer, now=now)
        ours = self.opening
        reader.open_attachment(
            lambda der: ours.key if der == ours.certificate.der else None, os.urandom(16)
        )
        received = reader.close()
        message, payload = received.user_message, received.payload or b""
        envelope = inflate(payload) if received.compressed else payload
        header = read_envelope(envelope, whole=True).header
        assert header is not None
        check_business_header(message, header)
        self.arrived[message.message_id] = envelope
        return received


@dataclass(slots=True)
class Bench:
    """Both sides; *stranger* is ours with keys below an authority that phase4 does not know."""

    ours: Side
    stranger: Side
    phase4: Phase4
    url: str
    recipient: Path
    session: aiohttp.ClientSession


async def cells(jar: Path, keys: Keys, folder: Path, only: str = "") -> AsyncIterator[Cell]:
    """Yield the cells with *only* in their names; *keys* say whom phase4 trusts in TLS."""
    wanted = [case for case in CASES if only in f"{NAME}: {case[1]}"]
    if not wanted:
        return
    async with AsyncExitStack() as stack:
        bench = await _open(stack, jar, keys, folder)
        for direction, name, case in wanted:
            started = time.monotonic()
            try:
                cell = await case(bench)
            except Exception as error:  # noqa: BLE001 - whatever it is, the cell shows it
                got = f"broke: {type(error).__name__}: {error}"
                cell = Cell("", "", "an answer", got, passed=False)
            ms = (time.monotonic() - started) * 1000
            yield replace(cell, direction=direction, case=f"{NAME}: {name}", ms=ms)


async def _open(stack: AsyncExitStack, jar: Path, keys: Keys, folder: Path) -> Bench:
    authority, foreign = Authority(folder / "pki"), Authority(folder / "foreign")
    ours = _side(authority, authority)
    signing, opening = (authority.issue(THEIR_SEAT, signs=signs) for signs in (True, False))
    ours.recipient = load_curve_pair(opening.read_bytes()).certificate
    stranger = _side(foreign, authority)
    stranger.recipient = ours.recipient
    answerer = authority.folder / f"{OUR_SEAT}-sign.cert"
    trusted = ",".join(str(path) for path in authority.files)
    own = [
        "--suite", "edelivery2", "--sign-pem", str(signing), "--crypt-pem", str(opening),
        "--truststore", trusted, "--revocation", "none",
    ]  # fmt: skip
    served = documents.THEIRS
    peer = await stack.enter_async_context(
        phase4.running(jar, keys, folder / "java", served, [*own, "--answer-cert", str(answerer)])
    )
    application = web.Application(client_max_size=BODY_BYTES_MAX)
    application.router.add_post("/as4", ours.take)
    url = await stack.enter_async_context(serve_application(application)) + "/as4"
    session = await stack.enter_async_context(aiohttp.ClientSession())
    recipient = authority.folder / f"{OUR_SEAT}-crypt.cert"
    return Bench(ours, stranger, peer, url, recipient, session)


def _side(authority: Authority, trusted: Authority) -> Side:
    files = [authority.issue(OUR_SEAT, signs=signs) for signs in (True, False)]
    signing, opening = (load_curve_pair(path.read_bytes()) for path in files)
    return Side(signing, opening, opening.certificate, trusted.anchors())


async def _send(bench: Bench, side: Side, sealed: pack.SealedMessage) -> tuple[str, bool, bool]:
    """Post *sealed* to phase4; return what came, and whether it is its receipt, or a refusal."""
    answer = await post(bench.session, bench.phase4.as4_url, sealed, timeout_seconds=60)
    signal = read_signal(
        answer.body, check_signer=side.check_signer, now=datetime.now(UTC), pmode=side.pmode
    )
    delivered = await bench.phase4.received(sealed.message_id)
    if isinstance(signal, Receipt):
        check_receipt(signal, sealed.references, message_id=sealed.message_id, to_party=THEIR_SEAT)
        got = f"receipt, verified by us, {len(delivered)} delivered"
        return got, len(delivered) == 1, False
    codes = " ".join(error.code for error in signal.errors)
    signed = signal.signer is not None and signal.signer.subject_cn == THEIR_SEAT
    got = f"{'signed' if signed else 'UNSIGNED'} error {codes}, {len(delivered)} delivered"
    return got, False, signed and not delivered


async def _ours_invoice(bench: Bench) -> Cell:
    sample = documents.invoice(documents.BLUE, documents.THEIRS)
    sealed = bench.ours.seal(sample)
    got, right, _ = await _send(bench, bench.ours, sealed)
    if right:
        (facts,) = await bench.phase4.received(sealed.message_id)
        right = holds(Path(facts["file"]), sample.data)
        got += ", unchanged" if right else ", NOT the same document"
    expected = "receipt of phase4 verified by us, document unchanged at phase4"
    return Cell("", "", expected, got, right, "invoice sealed by our libraries")


async def _ours_spoiled(bench: Bench) -> Cell:
    sealed = bench.ours.seal(documents.invoice(documents.BLUE, documents.THEIRS))
    body = bytearray(sealed.body)
    body[sealed.attachment_offset + sealed.attachment_length // 2] ^= 1
    got, _, refused = await _send(bench, bench.ours, replace(sealed, body=bytes(body)))
    return Cell("", "", REFUSED, got, refused, "invoice; one bit of the payload turned")


async def _ours_foreign(bench: Bench) -> Cell:
    sealed = bench.stranger.seal(documents.invoice(documents.BLUE, documents.THEIRS))
    got, _, refused = await _send(bench, bench.stranger, sealed)
    return Cell("", "", REFUSED, got, refused, "invoice signed below an unknown authority")


async def _theirs(bench: Bench, **changed: Any) -> tuple[phase4.Sent, Sample]:
    sample = documents.invoice(documents.THEIRS, documents.RED)
    path = bench.phase4.store.parent / f"{sample.number}.xml"
    path.write_bytes(sample.data)
    wanted: dict[str, Any] = {
        "url": bench.url,
        "receiver_cert": bench.recipient,
        "file": path,
        "from": sample.sender,
        "to": sample.receiver,
        "doctype": sample.document_type,
        "process": sample.process,
        **changed,
    }
    return await bench.phase4.send(**wanted), sample


async def _their_invoice(bench: Bench, **changed: Any) -> Cell:
    sent, sample = await _theirs(bench, **changed)
    arrived = bench.ours.arrived.get(sent.message_id, b"")
    right = sent.verified and f">{sample.number}<".encode() in arrived
    expected = "receipt of ours verified by phase4, its document opened by us"
    got = f"{sent.words()}, {'opened' if arrived else 'NOT opened'}"
    return Cell("", "", expected, got, right, f"invoice sent by phase4 {changed or ''}".strip())


async def _their_uncompressed(bench: Bench) -> Cell:
    return await _their_invoice(bench, compress=False)


def _tampered(what: str, code: str) -> Callable[[Bench], Awaitable[Cell]]:
    async def case(bench: Bench) -> Cell:
        sent, _ = await _theirs(bench, tamper=what)
        arrived = sent.message_id in bench.ours.arrived
        right = code in sent.codes and sent.signed and not arrived
        return Cell("", "", f"{REFUSED} ({code})", sent.words(), right, f"invoice; {what} changed")

    return case


CASES = (
    (OURS_TO_PHASE4, "invoice", _ours_invoice),
    (OURS_TO_PHASE4, "tampered payload", _ours_spoiled),
    (OURS_TO_PHASE4, "foreign-CA certificate", _ours_foreign),
    (PHASE4_TO_OURS, "invoice", _their_invoice),
    (PHASE4_TO_OURS, "uncompressed payload", _their_uncompressed),
    (PHASE4_TO_OURS, "tampered payload", _tampered("payload", "EBMS:0102")),
    (PHASE4_TO_OURS, "tampered signature", _tampered("signature", "EBMS:0101")),
    (PHASE4_TO_OURS, "tampered header", _tampered("messaging", "EBMS:0101")),
)
