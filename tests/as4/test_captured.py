"""Bytes that other implementations wrote, judged as the endpoint would judge them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from as4 import familiar, wssec, xmldsig
from as4.certificates import (
    Anchors,
    KeyPair,
    Use,
    check_certificate,
    load_certificate,
    load_key_pair,
)
from as4.compression import inflate
from as4.dump import Dump, read_dump
from as4.envelope import index_ids, open_envelope, parse_root
from as4.errors import As4Error, FailedAuthentication
from as4.familiar import Familiars
from as4.pmode import PEPPOL
from as4.signal import ErrorSignal, Receipt, check_receipt, read_signal
from as4.signal import _ReceiptKind as ReceiptKind
from as4.unpack import MessageReader, ReceivedMessage, check_business_header, check_timestamp
from as4.usermessage import UserMessageKind, parse_user_message
from as4.xmldsig import canonicalize
from ubl.sbdh import read_envelope

pytestmark = pytest.mark.captured

CASES = [
    "cert-bad-cn",
    "cert-direct-root",
    "cert-encipher-only",
    "cert-expired",
    "cert-no-key-usage",
    "cert-other-seat",
    "cert-untrusted",
    "creditnote",
    "duplicate-again",
    "duplicate-first",
    "invoice-1mb",
    "invoice",
    "mls-requested",
    "mls",
    "not-serviced",
    "ping",
    "tampered",
]
RECEIPTED = [
    "invoice",
    "creditnote",
    "invoice-1mb",
    "mls",
    "mls-requested",
    "ping",
    "duplicate-first",
    "cert-bad-cn",
    "cert-other-seat",
    "cert-no-key-usage",
    "cert-encipher-only",
    "cert-direct-root",
]
SIGNALS = ["dataport1-mustunderstand.as4in", "governikus.as4in", "helger.as4in"]


@dataclass(frozen=True)
class Exchange:
    request: Dump
    response: Dump
    expected: str
    phase4_verdict: str
    payload_sha256: str | None
    message_id: str | None
    now: datetime


@dataclass(frozen=True)
class Capture:
    folder: Path
    index: dict
    anchors: Anchors
    receiver: KeyPair

    def exchange(self, case: str) -> Exchange:
        rows = {row["file"]: row for row in self.index["files"]}
        name = f"messages/{case}.request.http"
        request = read_dump((self.folder / name).read_bytes())
        answer = (self.folder / f"messages/{case}.response.http").read_bytes()
        found = rows[name]["found"]
        return Exchange(
            request=request,
            response=read_dump(answer),
            expected=rows[name]["expected_of_a_correct_receiver"],
            phase4_verdict=rows[name]["phase4_verdict"],
            payload_sha256=found.get("payload_sha256"),
            message_id=found.get("message_id"),
            now=datetime(2026, 11, 22, 0, 30, tzinfo=UTC),
        )

    def check_signer(self, der, now):
        return check_certificate(der, anchors=self.anchors, now=now, use=Use.SIGN)

    def find_key(self, der):
        return self.receiver.key if der == self.receiver.certificate.der else None

    def read(self, exchange: Exchange, step: int | None = None) -> ReceivedMessage:
        reader = MessageReader(exchange.request.content_type, keep=True)
        body = exchange.request.body
        step = step or len(body)
        pieces = iter([body[start : start + step] for start in range(0, len(body), step)])
        for piece in pieces:
            reader.feed(piece)
            if reader.soap_ready:
                break
        reader.open_envelope(anchors_check=self.check_signer, now=exchange.now)
        reader.open_attachment(self.find_key, bytes(16))
        for piece in pieces:
            reader.feed(piece)
        return reader.close()


@pytest.fixture
def phase4(test_data) -> Capture:
    folder = test_data / "phase4-captured"
    pem = [(folder / f"pki/{name}.cert.pem").read_bytes() for name in ("root", "inter")]
    receiver = b"".join(
        (folder / f"pki/PBE000002.{kind}.pem").read_bytes() for kind in ("key", "cert")
    )
    return Capture(
        folder,
        json.loads((folder / "index.json").read_text()),
        Anchors.load(*pem),
        load_key_pair(receiver),
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("step", [None, 1000])
def test_each_phase4_request_gets_the_verdict_of_a_correct_receiver(phase4, case, step):
    exchange = phase4.exchange(case)
    code = exchange.expected.split()[0].rstrip(";,")
    if code in ("EBMS:0101", "EBMS:0102"):
        with pytest.raises(As4Error) as refused:
            phase4.read(exchange, step)
        assert refused.value.code == code
        assert refused.value.ref_to_message_id == exchange.message_id is not None
        return
    received = phase4.read(exchange, step)
    sbd = inflate(received.payload)
    assert sha256(sbd).hexdigest() == exchange.payload_sha256
    assert received.user_message.is_ping == (case == "ping")
    check_timestamp(received.user_message, now=exchange.now, memory=timedelta(days=90))
    if case != "ping":
        header = read_envelope(sbd, whole=True).header
        check_business_header(received.user_message, header)


def test_a_message_without_key_usage_is_accepted_with_a_warning(phase4):
    received = phase4.read(phase4.exchange("cert-no-key-usage"))
    assert received.signer.warnings


@pytest.mark.parametrize("case", RECEIPTED)
def test_each_phase4_receipt_acknowledges_its_request(phase4, case):
    exchange = phase4.exchange(case)
    assert exchange.phase4_verdict == "receipt"
    receipt = read_signal(
        exchange.response.body, check_signer=phase4.check_signer, now=exchange.now
    )
    assert isinstance(receipt, Receipt)
    root = parse_root(_soap_of(exchange.request))
    envelope = open_envelope(root)
    security = wssec.parse_security(
        envelope, index_ids(root), PEPPOL.suite, href=_href_of(envelope)
    )
    to_party = "PBE000002"
    check_receipt(
        receipt,
        security.signature.references,
        message_id=exchange.message_id,
        to_party=to_party,
    )


@pytest.mark.parametrize("case", sorted(set(CASES) - set(RECEIPTED)))
def test_each_phase4_error_is_read_and_authenticated(phase4, case):
    exchange = phase4.exchange(case)
    answer = read_signal(exchange.response.body, check_signer=phase4.check_signer, now=exchange.now)
    assert isinstance(answer, ErrorSignal)
    assert answer.authenticated
    (error,) = answer.errors
    assert error.code == exchange.phase4_verdict
    assert error.severity == "failure"
    assert (error.error_detail == "PEPPOL:NOT_SERVICED") == (case == "not-serviced")


@pytest.mark.parametrize("case", RECEIPTED)
def test_each_phase4_envelope_is_read_alike_by_parser_and_by_shape(phase4, case):
    exchange, first = (
        phase4.exchange(case),
        phase4.exchange("ping" if case == "ping" else "invoice"),
    )
    for kind, soap, learned in (
        (UserMessageKind(), _soap_of(exchange.request), _soap_of(first.request)),
        (ReceiptKind(), exchange.response.body, first.response.body),
    ):
        known = Familiars(kind)
        known.learn(learned, PEPPOL)
        found = known.read(soap, PEPPOL)
        assert found == familiar._parse(soap, kind, PEPPOL).reading
        found.verify(load_certificate(found.signer).public_key)


@pytest.mark.parametrize("name", SIGNALS)
def test_production_receipts_hold_in_signature_and_digests(test_data, name):
    dump = read_dump((test_data / "as4-captured" / name).read_bytes())
    receipt = read_signal(
        dump.body, check_signer=lambda der, _now: load_certificate(der), now=datetime.now(UTC)
    )
    assert isinstance(receipt, Receipt)
    assert receipt.problem is None
    assert len(receipt.references) == 3


def test_the_receipt_that_was_altered_is_bad_at_its_messaging_digest(test_data):
    dump = read_dump((test_data / "as4-captured" / "dataport1.as4in").read_bytes())
    receipt = read_signal(
        dump.body, check_signer=lambda der, _now: load_certificate(der), now=datetime.now(UTC)
    )
    assert isinstance(receipt, Receipt)
    assert not receipt.authenticated
    assert "digest of Messaging" in receipt.problem


def test_the_production_message_holds_as_far_as_it_can_without_its_key(test_data):
    dump = read_dump((test_data / "as4-captured" / "dump-raw.as4out").read_bytes())
    reader = MessageReader(dump.content_type, keep=True)
    reader.feed(dump.body)
    opened = reader.open_envelope(
        anchors_check=lambda der, _now: load_certificate(der), now=datetime.now(UTC)
    )
    assert opened.signer.subject_cn == opened.user_message.from_party == "POP000306"
    reader.open_attachment(lambda _der: None, bytes(16))
    with pytest.raises(As4Error) as refused:
        reader.close()
    assert refused.value.code == "EBMS:0102"


def test_a_phase4_signature_without_its_prefix_list_does_not_verify(phase4):
    root = parse_root(_soap_of(phase4.exchange("invoice").request))
    envelope = open_envelope(root)
    ids = index_ids(root)
    security = wssec.parse_security(envelope, ids, PEPPOL.suite, href=_href_of(envelope))
    assert security.signature.prefixes == ("S12",)
    wssec.verify_signature(security.signature, ids, load_certificate(security.signer).public_key)
    (first, *_) = security.signature.references
    digest = sha256(canonicalize(envelope.messaging)).digest()
    assert digest != first.digest_value
    with pytest.raises(FailedAuthentication):
        xmldsig.verify_reference(
            xmldsig.Reference(
                first.uri,
                (xmldsig.Transform(first.transforms[0].algorithm),),
                first.digest_method,
                first.digest_value,
            ),
            envelope.messaging,
        )


def _soap_of(request: Dump) -> bytes:
    start = request.body.index(b"<?xml")
    return request.body[start : request.body.index(b"\r\n--", start)]


def _href_of(envelope) -> str:
    return parse_user_message(envelope.messaging).href
