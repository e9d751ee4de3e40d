"""Envelopes of a familiar shape: the parser says the same of them, or nothing is said."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from as4 import familiar, unpack
from as4.errors import As4Error, FailedAuthentication, FailedDecryption
from as4.familiar import ENVELOPE_BYTES_MAX, LEARNED_EVERY, SHAPES_MAX, Familiars, Reading
from as4.pmode import PEPPOL
from as4.receipt import build_receipt
from as4.signal import Receipt, read_signal
from as4.signal import _ReceiptKind as ReceiptKind
from as4.usermessage import UserMessageKind
from tests.support.messages import (
    NONCE,
    NOW,
    a_ping,
    a_sealed_message,
    a_user_message,
    check_signer,
    cut,
    key_pair,
    read,
    swap,
)
from tests.support.pki import SENDER
from ubl.identifiers import ParticipantId

OTHER = "fedcba9876543210fedcba9876543210"
KINDS = {"message": UserMessageKind, "receipt": ReceiptKind}


def soap_of(sealed):
    """The SOAP part of *sealed*, or all of it where there is nothing else."""
    start = sealed.body.find(b"<?xml")
    return sealed.body[start : sealed.body.index(b"Envelope>", start) + len(b"Envelope>")]


def a_soap(nonce=OTHER, **changes):
    return soap_of(a_sealed_message(a_user_message(**changes), nonce=nonce))


def a_receipt(nonce=OTHER, message_id="r@red.example", **changes):
    received = read(a_sealed_message(a_user_message(**changes), nonce=nonce[::-1]))
    return build_receipt(
        received,
        message_id=message_id,
        now=NOW + timedelta(milliseconds=len(message_id)),
        signer=key_pair("receiver"),
        nonce=nonce,
    )


def made(kind, **changes):
    return a_receipt(**changes) if kind == "receipt" else a_soap(**changes)


def knowing(soap, kind="message"):
    known = Familiars(KINDS[kind]())
    known.learn(soap, PEPPOL)
    return known


def parsed(soap, kind="message"):
    """What the parser says of *soap*, None where it refuses it."""
    try:
        return familiar._parse(soap, KINDS[kind](), PEPPOL).reading
    except (As4Error, ValueError):
        return None


@pytest.fixture
def nothing_known(monkeypatch):
    known = Familiars(UserMessageKind())
    monkeypatch.setattr(unpack, "_FAMILIARS", known)
    return known


@pytest.mark.parametrize("kind", KINDS)
def test_a_familiar_envelope_reads_as_the_parser_reads_it(kind):
    known = knowing(made(kind, nonce="0123456789abcdef"), kind)
    soap = made(kind, message_id="another@blue.example")
    found = known.read(soap, PEPPOL)
    assert isinstance(found, Reading)
    assert found == parsed(soap, kind)


def test_all_that_a_message_says_may_differ():
    known = knowing(a_soap())
    changed = a_user_message(
        message_id="m-2",
        conversation_id="c-2",
        timestamp=NOW + timedelta(days=3),
        from_party="PBE999999",
        to_party="PBE888888",
        action="busdox-docid-qns::urn:x::y##z::1",
        original_sender=ParticipantId.parse("0208:0202239951"),
    )
    soap = soap_of(a_sealed_message(changed))
    found = known.read(soap, PEPPOL)
    assert found == parsed(soap)
    assert found is not None
    assert found.content.message_id == "m-2"


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_makes_it_read_what_the_parser_does_not(kind):
    soap = made(kind)
    known = knowing(soap, kind)
    assert known.read(soap, PEPPOL) == parsed(soap, kind) is not None
    read_alike = 0
    for at in range(0, len(soap), 5):
        for byte in (b"A", b"=", b"<", b"&", b'"', b" ", b"", b"#"):
            changed = soap[:at] + byte + soap[at + 1 :]
            found = known.read(changed, PEPPOL)
            if found is not None and at % 3 == 0:
                assert found == parsed(changed, kind), (at, byte)
                read_alike += 1
    assert read_alike > 100


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">0c4a1d4e", "> 0c4a1d4e"),
        (">0c4a1d4e", "><!-- -->0c4a1d4e"),
        (">0c4a1d4e", ">&#48;c4a1d4e"),
        (">0c4a1d4e", ">\N{EURO SIGN}0c4a1d4e"),
        (">0c4a1d4e", f">{'x' * 1000}0c4a1d4e"),
        ("2026-", "2026_"),
        ("T11:", "T41:"),
        (f'wsu:Id="X509-{OTHER}"', f'wsu:Id="EK-{OTHER}"'),
        (f'Id="EK-{OTHER}"', f'Id="ED-{OTHER}"'),
        (f'URI="#msg-{OTHER}"', f'URI="#body-{OTHER}"'),
        (f'URI="cid:att-{OTHER}@as4"', 'URI="cid:another@as4"'),
        ("<ds:DigestValue>", "<ds:DigestValue>\n"),
        ("==</ds:SignatureValue>", "</ds:SignatureValue>"),
        ("</S12:Header>", "<x/></S12:Header>"),
        ('"></S12:Body>', '"><x/></S12:Body>'),
        ("</S12:Envelope>", "</S12:Envelope> "),
        ("xmlenc#sha256", "xmlenc#sha512"),
        ("rsa-sha256", "rsa-sha1"),
    ],
)
def test_what_is_odd_is_left_to_the_parser(old, new):
    soap = a_soap().decode()
    assert old in soap
    assert knowing(soap.encode()).read(soap.replace(old, new, 1).encode(), PEPPOL) is None


def test_two_ids_that_are_one_are_left_to_the_parser():
    soap = a_soap()
    clash = soap.replace(b"X509-R-" + OTHER.encode(), b"X509-" + OTHER.encode())
    assert knowing(soap).read(clash, PEPPOL) is None


def test_equal_names_are_a_shape_of_their_own():
    itself = {"to_party": SENDER}
    known = knowing(a_soap(**itself))
    soap = a_soap(**itself, message_id="m-2")
    assert known.read(soap, PEPPOL) == parsed(soap) is not None
    assert known.read(a_soap(), PEPPOL) is None


def test_a_message_without_payload_is_familiar_too():
    known = knowing(soap_of(a_ping()))
    soap = soap_of(a_ping(message_id="m-2"))
    assert known.read(soap, PEPPOL) == parsed(soap) is not None


@pytest.mark.parametrize(
    "spoiled",
    [
        {"messaging": swap("<eb:PartyInfo>", "<!-- --><eb:PartyInfo>")},
        {"messaging": swap("<eb:MessageId>", "<eb:MessageId> ")},
        {"messaging": swap("@blue.example", "&amp;blue.example")},
        {"messaging": swap("</eb:From>", "</eb:From>\n")},
        {"security": swap("<ds:SignatureValue>", "<ds:SignatureValue>\n")},
        {"security": swap(' S12:mustUnderstand="true"', " S12:mustUnderstand='true'")},
        {"security": cut("<xenc:ReferenceList", "</xenc:ReferenceList>")},
    ],
)
def test_an_odd_envelope_is_learned_rightly_or_not_at_all(spoiled):
    soap = soap_of(a_sealed_message(**spoiled))
    found = knowing(soap).read(soap, PEPPOL)
    assert found is None or found == parsed(soap)


@pytest.mark.parametrize("kind", KINDS)
def test_no_envelope_fails_because_it_is_learned(kind):
    soap = made(kind)
    for at in range(0, len(soap), 9):
        for change in (b"", b"A", b" ", b"<", b"></", b'""'):
            knowing(soap[:at] + change + soap[at + 1 :], kind)


def test_a_message_without_a_wrapped_key_is_read_and_not_learned(nothing_known):
    empty = cut("<xenc:CipherValue>", "</", "<xenc:CipherValue></")
    with pytest.raises(FailedDecryption):
        read(a_sealed_message(soap=empty))
    assert nothing_known._known == ()
    assert nothing_known._missed == 1


@pytest.mark.parametrize(
    "odd",
    [
        f' x="SIG-{NONCE}" Id = "SIG-{NONCE}"',
        f' xmlns:x="urn:x" x:Id="SIG-{NONCE}"',
        f" Id = 'SIG-{NONCE}'",
        f' Id="SIG-{NONCE}" x=">SIG"',
    ],
)
def test_an_id_is_found_where_the_parser_finds_it(odd):
    soap = soap_of(a_sealed_message(security=swap(f' Id="SIG-{NONCE}"', odd)))
    assert parsed(soap) is not None
    known = knowing(soap)
    clash = soap.replace(f'="SIG-{NONCE}"'.encode(), f'="EK-{NONCE}"'.encode())
    elsewhere = soap.replace(f'="SIG-{NONCE}"'.encode(), b'="another"')
    taken = elsewhere.replace(f"EK-{NONCE}".encode(), f"SIG-{NONCE}".encode())
    for changed in (soap, clash, taken):
        found = known.read(changed, PEPPOL)
        assert found is None or found == parsed(changed)


def test_another_processing_mode_is_another_shape():
    soap = a_soap()
    assert knowing(soap).read(soap, replace(PEPPOL)) is None


def test_a_signature_is_verified_for_each_message(nothing_known):
    read(a_sealed_message())
    assert nothing_known.read(a_soap(), PEPPOL) is not None
    assert read(a_sealed_message(a_user_message(message_id="m-2"))).user_message.message_id == "m-2"
    for name, spoiled in {
        "signature value": swap(">0c4a1d4e", ">1c4a1d4e"),
        "digest": lambda text: re.sub("DigestValue>.{8}", "DigestValue>AAAAAAAA", text, count=1),
    }.items():
        bad = a_sealed_message(soap=spoiled)
        assert nothing_known.read(soap_of(bad), PEPPOL) is not None
        with pytest.raises(FailedAuthentication, match=r"signature|digest") as caught:
            read(bad)
        known_as = caught.value.detail, caught.value.ref_to_message_id
        nothing_known._known = ()
        with pytest.raises(FailedAuthentication) as caught:
            read(bad)
        assert (caught.value.detail, caught.value.ref_to_message_id) == known_as, name
        nothing_known._missed = 0
        read(a_sealed_message())


def test_nothing_is_learned_from_what_was_not_verified(nothing_known):
    with pytest.raises(FailedAuthentication):
        read(a_sealed_message(signer="expired"))
    with pytest.raises(FailedAuthentication):
        read(a_sealed_message(soap=swap(">0c4a1d4e", ">1c4a1d4e")))
    assert nothing_known._known == ()
    assert nothing_known._missed == 0


def test_few_shapes_are_kept_and_few_envelopes_learned():
    known = Familiars(UserMessageKind())
    for number in range(LEARNED_EVERY * (SHAPES_MAX + 4)):
        soap = a_soap().replace(b"<S12:Header>", b"<S12:Header " + b" " * number + b">")
        known.learn(soap, PEPPOL)
        assert (known.read(soap, PEPPOL) is not None) == (number % LEARNED_EVERY == 0)
    assert len(known._known) == SHAPES_MAX


def test_the_shape_that_was_used_last_comes_first():
    known, one, two = Familiars(UserMessageKind()), a_soap(), soap_of(a_ping())
    for soap in (one, two):
        known._missed = 0
        known.learn(soap, PEPPOL)
    first, second = known._known
    assert known.read(one, PEPPOL) is not None
    assert known._known == (second, first)


def test_a_long_envelope_is_left_to_the_parser():
    soap = a_soap()
    long = soap.replace(b"</S12:Envelope>", b" " * ENVELOPE_BYTES_MAX + b"</S12:Envelope>")
    assert parsed(long) is not None
    assert knowing(long).read(long, PEPPOL) is None


def test_a_familiar_receipt_is_judged_like_any_other():
    one, two = a_receipt(), a_receipt(message_id="r2@red.example", nonce="0123456789abcdef")
    tampered = two.replace(b">r2@", b">r3@")
    for _ in range(2 * LEARNED_EVERY):
        read_signal(one, check_signer=check_signer, now=NOW)
    found = read_signal(two, check_signer=check_signer, now=NOW)
    assert isinstance(found, Receipt)
    assert found.authenticated
    assert found.message_id == "r2@red.example"
    refused = read_signal(tampered, check_signer=check_signer, now=NOW)
    assert isinstance(refused, Receipt)
    assert not refused.authenticated
    assert refused.problem == "the digest of Messaging is not the one that was signed"
    stranger = read_signal(two, check_signer=lambda der, now: check_signer(b"", now), now=NOW)
    assert isinstance(stranger, Receipt)
    assert stranger.problem == "the certificate cannot be read"
