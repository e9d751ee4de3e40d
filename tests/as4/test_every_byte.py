"""Any change of one byte in a signed or encrypted part of a captured message is refused.

Refused means: no ReceivedMessage (for an answer: no authenticated signal), and so no receipt.
What is signed of an element is its canonical form [EXC-C14N §3]: a change that leaves it byte for
byte as it was (a line end for the blank between two attributes) is no change of what is signed.
Elsewhere a change may pass only if it changes nothing that is used.

All bytes of one message are tried, and a seeded sample of the others.  Left out of the captured
messages are those that are bad as they came; that of eDelivery 2.0 is tried in `test_edelivery2`.
"""

import json
import random
import re
import string
from datetime import UTC, datetime, timedelta

import pytest

from as4.certificates import Anchors, load_certificate, load_key_pair
from as4.compression import inflate
from as4.dump import read_dump
from as4.envelope import parse_root
from as4.errors import As4Error, Unreadable
from as4.namespaces import DS, EBMS, SOAP, qname
from as4.signal import Receipt, read_signal
from as4.unpack import MessageReader, check_addressee, check_business_header, check_timestamp
from as4.xmldsig import canonicalize
from tests.as4.test_captured import Capture
from ubl.errors import UblError
from ubl.sbdh import read_envelope

pytestmark = pytest.mark.captured

WHOLE = "invoice"
SAMPLED = [
    "creditnote", "mls", "mls-requested", "ping", "duplicate-first", "duplicate-again",
    "not-serviced", "cert-no-key-usage", "invoice-1mb",
]  # fmt: skip
SAMPLE = 100
ANSWERS = ["invoice", "creditnote", "mls", "ping", "not-serviced"]
ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
SEED = 20261122
SIGNED = [qname(EBMS, "Messaging"), qname(SOAP, "Body"), qname(DS, "SignedInfo")]
PROTECTED = ["Messaging", "Body", "SignedInfo", "SignatureValue", "CipherValue"]


@pytest.fixture
def phase4(test_data):
    folder = test_data / "phase4-captured"
    pki = folder / "pki"
    own = b"".join((pki / f"PBE000002.{kind}.pem").read_bytes() for kind in ("key", "cert"))
    return Capture(
        folder,
        json.loads((folder / "index.json").read_text()),
        Anchors.load(*((pki / f"{name}.cert.pem").read_bytes() for name in ("root", "inter"))),
        load_key_pair(own),
    )


def accepted(capture, content_type, body, now):
    """Return everything that is used of the message *body*; raise when it is refused."""
    reader = MessageReader(content_type, keep=True)
    reader.feed(body)
    reader.open_envelope(anchors_check=capture.check_signer, now=now)
    reader.open_attachment(capture.find_key, bytes(16))
    received = reader.close()
    message = received.user_message
    sbd = inflate(received.payload) if received.compressed else received.payload
    check_addressee(message, ("PBE000002",))
    if not message.is_ping:
        check_business_header(message, read_envelope(sbd, whole=False).header)
    check_timestamp(message, now=now, memory=timedelta(days=90))
    return message, received.signer.der, received.references, received.content_key, sbd


def signed_octets(soap):
    """Return the canonical form of each element that is signed, and of what is signed itself."""
    root = parse_root(soap)
    return [canonicalize(element) for name in SIGNED for element in root.iter(name)]


def soap_range(body):
    start = max(0, body.find(b"<?xml"))
    return start, body.index(b"Envelope>", start) + len(b"Envelope>")


def places_of(body, names, *, attachment=False):
    """Return where in *body* the content of the elements *names* and the *attachment* lie."""
    found = []
    for name in names:
        pattern = rb"<(?:\w+:)?%b(?:\s[^>]*)?>(.*?)</(?:\w+:)?%b>" % ((name.encode(),) * 2)
        found += [match.span(1) for match in re.finditer(pattern, body, re.DOTALL)]
    start = body.find(b"\r\n\r\n", soap_range(body)[1])
    if attachment and start >= 0:
        found.append((start + 4, body.rindex(b"\r\n--")))
    return found


def changed(body, place, dice):
    """Return *body* with another byte at *place*."""
    other = (body[place] + dice.randrange(1, 256)) % 256
    return body[:place] + bytes([other]) + body[place + 1 :]


def passed(judge, body, places, dice):
    """Try a change at each of *places*; return what passed, as (place, body, outcome)."""
    found = []
    for place in places:
        other = changed(body, place, dice)
        try:
            outcome = judge(other)
        except (As4Error, Unreadable, UblError):
            continue
        found.append((place, other, outcome))
    return found


def assert_nothing_signed_changed(judge, body, places, dice):
    """Change each of *places*; whatever passes must mean exactly what it meant before.

    Returns how many changes passed.
    """
    soap = slice(*soap_range(body))
    genuine, octets = judge(body), signed_octets(body[soap])
    encrypted = places_of(body, ["CipherValue"], attachment=True)
    survivors = passed(judge, body, places, dice)
    for place, other, outcome in survivors:
        context = (place, body[max(0, place - 30) : place + 10], other[place : place + 1])
        assert outcome == genuine, context
        assert signed_octets(other[soap]) == octets, context
        assert not any(start <= place < stop for start, stop in encrypted), context
    return len(survivors)


def request(phase4, case):
    exchange = phase4.exchange(case)
    dump = exchange.request

    def judge(body):
        return accepted(phase4, dump.content_type, body, exchange.now)

    return judge, dump.body


def test_every_byte_of_one_message(phase4):
    judge, body = request(phase4, WHOLE)
    dice = random.Random(SEED)
    survivors = assert_nothing_signed_changed(judge, body, range(len(body)), dice)
    assert survivors < len(body) / 20


@pytest.mark.parametrize("case", SAMPLED)
def test_some_bytes_of_every_other_message(phase4, case):
    judge, body = request(phase4, case)
    dice = random.Random(f"{SEED} {case}")
    places = [
        dice.randrange(start, stop)
        for start, stop in places_of(body, PROTECTED, attachment=True)
        if start < stop
        for _ in range(SAMPLE)
    ]
    assert_nothing_signed_changed(judge, body, places, dice)


def answer_of(capture, exchange):
    """Return a function that reads an answer and hands out what is used of it, if it counts."""

    def judge(body):
        signal = read_signal(body, check_signer=capture.check_signer, now=exchange.now)
        if not signal.authenticated:
            raise Unreadable(400, "nobody answers for it")
        found = signal.references if isinstance(signal, Receipt) else signal.errors
        return signal.ref_to_message_id, found, signal.signer.der

    return judge


@pytest.mark.parametrize("case", ANSWERS)
def test_some_bytes_of_every_kind_of_answer(phase4, case):
    exchange = phase4.exchange(case)
    dice = random.Random(f"{SEED} answer {case}")
    body = exchange.response.body
    places = [
        dice.randrange(start, stop)
        for start, stop in places_of(body, ["Messaging", "SignedInfo", "SignatureValue"])
        for _ in range(SAMPLE)
    ]
    assert_nothing_signed_changed(answer_of(phase4, exchange), body, places, dice)


def test_every_signed_byte_of_a_message_from_production(test_data):
    """Its key is not known, so that it is read up to the signature."""
    dump = read_dump((test_data / "as4-captured" / "dump-raw.as4out").read_bytes())
    now = datetime(2026, 1, 29, tzinfo=UTC)

    def judge(body):
        reader = MessageReader(dump.content_type, keep=True)
        reader.feed(body)
        opened = reader.open_envelope(
            anchors_check=lambda der, _now: load_certificate(der), now=now
        )
        return opened.user_message, opened.references, opened.attachment_digest

    places = [
        place
        for start, stop in places_of(dump.body, ["Messaging", "Body", "SignedInfo"])
        for place in range(start, stop)
    ]
    dice = random.Random(SEED)
    assert_nothing_signed_changed(judge, dump.body, places, dice)


@pytest.mark.parametrize("name", ["CipherValue", "SignatureValue"])
def test_every_other_way_to_write_the_last_character(phase4, name):
    """The last character of 256 bytes in base64 has four bits that mean nothing."""
    judge, body = request(phase4, WHOLE)
    ((start, stop),) = places_of(body, [name])
    last = start + len(body[start:stop].rstrip().rstrip(b"=")) - 1
    for other in ALPHABET.replace(body[last : last + 1], b""):
        with pytest.raises(As4Error):
            judge(body[:last] + bytes([other]) + body[last + 1 :])
