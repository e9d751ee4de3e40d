"""eDelivery AS4 2.0, as another implementation wrote it: captured bytes, read with their keys."""

import json
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509

from as4.certificates import (
    CURVE_KEYS,
    Anchors,
    CurvePair,
    Use,
    check_certificate,
    load_curve_pair,
)
from as4.compression import inflate
from as4.dump import Dump, read_dump
from as4.errors import As4Error, Unreadable
from as4.pmode import FOUR_CORNERS
from as4.signal import Receipt, check_receipt, read_signal
from as4.unpack import MessageReader, ReceivedMessage

pytestmark = pytest.mark.captured

AT = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
RECEIVER = "ed-party-b"
SEED, SAMPLE = 20261122, 400
PROTECTED = ["Messaging", "SignedInfo", "SignatureValue", "CipherValue", "Salt", "KeyLength"]


@dataclass(frozen=True)
class Capture:
    request: Dump
    response: Dump
    found: dict
    anchors: Anchors
    receiver: CurvePair

    def check_signer(self, der, now):
        return check_certificate(der, anchors=self.anchors, now=now, use=Use.SIGN)

    def find_key(self, der):
        return self.receiver.key if der == self.receiver.certificate.der else None

    def open(self, step: int | None = None, body: bytes | None = None) -> ReceivedMessage:
        body = self.request.body if body is None else body
        reader = MessageReader(self.request.content_type, keep=True, pmode=FOUR_CORNERS)
        step = step or len(body)
        pieces = iter([body[start : start + step] for start in range(0, len(body), step)])
        for piece in pieces:
            reader.feed(piece)
            if reader.soap_ready:
                break
        reader.open_envelope(anchors_check=self.check_signer, now=AT)
        reader.open_attachment(self.find_key, bytes(16))
        for piece in pieces:
            reader.feed(piece)
        return reader.close()


@pytest.fixture
def capture(test_data: Path) -> Capture:
    folder = test_data / "phase4-captured"
    names = [f"edelivery2/user-message.{each}.http" for each in ("request", "response")]
    request, response = (read_dump((folder / name).read_bytes()) for name in names)
    rows = {row["file"]: row for row in json.loads((folder / "index.json").read_text())["files"]}
    # The root issues the leaves itself.
    root = x509.load_pem_x509_certificate((folder / "pki/ed-root.cert.pem").read_bytes())
    pair = [(folder / f"pki/{RECEIVER}-enc.{kind}.pem").read_bytes() for kind in ("key", "cert")]
    return Capture(
        request,
        response,
        rows[names[0]]["found"],
        Anchors((root,), (root,), CURVE_KEYS, bool),
        load_curve_pair(b"".join(pair)),
    )


@pytest.mark.parametrize("step", [None, 100, 5000])
def test_the_captured_message_opens(capture, step):
    received = capture.open(step)
    assert received.user_message.message_id == capture.found["message_id"]
    assert received.signer.subject_cn == received.user_message.from_party == "ed-party-a"
    document = inflate(received.payload)
    assert len(document) == capture.found["payload_bytes"]
    assert sha256(document).hexdigest() == capture.found["payload_sha256"]


def test_the_captured_receipt_acknowledges_it(capture):
    receipt = read_signal(
        capture.response.body, check_signer=capture.check_signer, now=AT, pmode=FOUR_CORNERS
    )
    assert isinstance(receipt, Receipt)
    check_receipt(
        receipt,
        capture.open().references,
        message_id=capture.found["message_id"],
        to_party=RECEIVER,
    )


def meaning(received):
    """Everything that is used of a message."""
    return (
        received.user_message,
        received.signer.der,
        received.references,
        received.content_key,
        received.payload,
    )


def test_no_changed_byte_changes_what_is_read(capture):
    body, dice = capture.request.body, random.Random(SEED)
    good = meaning(capture.open())
    for place in dice.sample(range(len(body)), SAMPLE):
        changed = bytearray(body)
        changed[place] = (changed[place] + dice.randrange(1, 256)) % 256
        try:
            found = meaning(capture.open(body=bytes(changed)))
        except (As4Error, Unreadable):
            continue
        assert found == good, place


@pytest.mark.parametrize("name", PROTECTED)
def test_a_changed_character_is_refused(capture, name):
    body, dice = capture.request.body, random.Random(SEED)
    found = re.search(
        rb"<(?:\w+:)?%b(?:\s[^>]*)?>(.*?)</(?:\w+:)?%b>" % ((name.encode(),) * 2), body
    )
    start, end = found.span(1)
    for place in dice.sample(range(start, end), min(end - start, 60)):
        changed = bytearray(body)
        letters = [each for each in b"AZaz09+/" if each != changed[place]]
        changed[place] = dice.choice(letters)
        with pytest.raises((As4Error, Unreadable)):
            capture.open(body=bytes(changed))
