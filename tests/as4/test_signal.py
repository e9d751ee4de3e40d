"""Receipts and errors: written as the profile wants them, read as peers write them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from as4.errors import (
    As4Error,
    DecompressionFailure,
    InvalidReceipt,
    NotServed,
    Other,
    PolicyNoncompliance,
    Unreadable,
)
from as4.errorsignal import TEXT_CHARS_MAX, build_error
from as4.namespaces import DS, EBBP, EBMS, SOAP
from as4.receipt import build_receipt
from as4.signal import ErrorSignal, Receipt, check_receipt, read_signal
from as4.xmldsig import Reference, Transform, canonicalize
from tests.support.messages import (
    NONCE,
    NOW,
    RECEIVER,
    a_ping,
    a_sealed_message,
    check_signer,
    cut,
    key_pair,
    read,
    swap,
)
from ubl import xml

SEALED = a_sealed_message()
ABOUT = SEALED.message_id


def a_receipt(received=None, *, signer="receiver", hook=None):
    soap = build_receipt(
        received or read(SEALED),
        message_id="r@red.example",
        now=NOW,
        signer=key_pair(signer),
        nonce=NONCE,
    )
    return hook(soap.decode()).encode() if hook else soap


def an_error(error=None, *, signed=True, hook=None):
    soap = build_error(
        error or NotServed("not here", ref_to_message_id=ABOUT),
        message_id="e@red.example",
        now=NOW,
        signer=key_pair("receiver") if signed else None,
        nonce=NONCE,
    )
    return hook(soap.decode()).encode() if hook else soap


def understood(soap):
    return read_signal(soap, check_signer=check_signer, now=NOW)


def proof(receipt, **changes):
    asked = {"message_id": ABOUT, "to_party": RECEIVER, **changes}
    return check_receipt(receipt, SEALED.references, **asked)


def elements(soap, name):
    return list(xml.parse(soap).iter(name))


def test_a_receipt_says_what_it_is_about():
    receipt = understood(a_receipt())
    assert isinstance(receipt, Receipt)
    assert receipt.ref_to_message_id == ABOUT
    assert receipt.message_id == "r@red.example"
    assert receipt.timestamp == NOW
    assert receipt.signer.subject_cn == RECEIVER
    assert receipt.references == SEALED.references
    assert proof(receipt) is receipt


def test_a_receipt_is_canonical_signed_and_has_an_empty_body():
    soap = a_receipt()
    for name in (f"{{{EBMS}}}Messaging", f"{{{SOAP}}}Body"):
        (element,) = elements(soap, name)
        assert canonicalize(element) in soap
    assert len(elements(soap, f"{{{EBBP}}}MessagePartNRInformation")) == 3


def test_a_receipt_repeats_prefix_lists_and_order_of_the_references_received():
    swa = SEALED.references[2].transforms
    listed = Transform(SEALED.references[0].transforms[0].algorithm, ("S12", "#default"))
    odd = (
        Reference("cid:a&b", swa, SEALED.references[2].digest_method, bytes(32)),
        Reference("#x", (listed,), SEALED.references[0].digest_method, bytes(range(32))),
    )
    receipt = understood(a_receipt(read(SEALED)._replace(references=odd)))
    assert receipt.references == odd


def test_a_receipt_for_a_ping_has_two_references():
    ping = a_ping()
    receipt = understood(a_receipt(read(ping)))
    check_receipt(receipt, ping.references, message_id=ping.message_id, to_party=RECEIVER)
    assert len(receipt.references) == 2


def test_references_are_compared_by_meaning_not_by_order_or_prefix_lists():
    """[EBBPSIG §3]"""
    receipt = understood(a_receipt())
    first, *others = receipt.references
    listed = first._replace(transforms=(Transform(first.transforms[0].algorithm, ("S12",)),))
    proof(replace(receipt, references=(*others, listed)))


def _changed(**changes):
    return lambda refs: (refs[0]._replace(**changes), *refs[1:])


OTHER_REFERENCES = {
    "none": lambda _refs: (),
    "one less": lambda refs: refs[1:],
    "one more": lambda refs: (*refs, refs[0]._replace(uri="#more")),
    "another digest": _changed(digest_value=bytes(32)),
    "another URI": _changed(uri="#other"),
    "another digest method": _changed(digest_method="urn:x"),
    "another transform": _changed(transforms=(Transform("urn:x"),)),
    "no transform": _changed(transforms=()),
}


@pytest.mark.parametrize("change", OTHER_REFERENCES.values(), ids=OTHER_REFERENCES.keys())
def test_a_receipt_for_other_parts_proves_nothing(change):
    receipt = understood(a_receipt(read(SEALED)._replace(references=change(SEALED.references))))
    with pytest.raises(InvalidReceipt) as caught:
        proof(receipt)
    assert caught.value.code == "EBMS:0302"
    assert caught.value.ref_to_message_id == ABOUT


def test_a_receipt_for_another_message_proves_nothing():
    with pytest.raises(InvalidReceipt, match="for the message"):
        proof(understood(a_receipt()), message_id="other@blue.example")


def test_a_receipt_from_another_access_point_proves_nothing():
    with pytest.raises(InvalidReceipt, match="signed by PBE000003"):
        proof(understood(a_receipt(signer="third")))


def test_a_receipt_by_another_certificate_of_the_same_seat_is_proof():
    proof(understood(a_receipt(signer="receiver-renewed")))


BAD_SIGNATURES = {
    "unsigned": cut("<wsse:Security", "</wsse:Security>"),
    "without signature": cut("<ds:Signature ", "</ds:Signature>"),
    "altered": swap(ABOUT, "another@blue.example"),
    "with a digest altered": swap("<ds:DigestValue>", "<ds:DigestValue>AAAA"),
    "with a foreign signature value": cut(
        "<ds:SignatureValue>", "</ds:S", "<ds:SignatureValue>AAAA</ds:S"
    ),
    "with two ids": swap(f'wsu:Id="body-{NONCE}"', f'wsu:Id="msg-{NONCE}"'),
    "signed over less": swap(f'<ds:Reference URI="#body-{NONCE}">', '<ds:Reference URI="#x">'),
    "by SHA-1": swap("xmldsig-more#rsa-sha256", "xmldsig#rsa-sha1"),
}


@pytest.mark.parametrize("hook", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES.keys())
def test_a_receipt_whose_signature_does_not_hold_is_read_but_proves_nothing(hook):
    receipt = understood(a_receipt(hook=hook))
    assert isinstance(receipt, Receipt)
    assert not receipt.authenticated
    assert receipt.problem
    with pytest.raises(InvalidReceipt, match="not authenticated"):
        proof(receipt, message_id=receipt.ref_to_message_id)


@pytest.mark.parametrize("signer", ["foreign", "expired", "encipher-only"])
def test_a_receipt_by_a_certificate_that_does_not_hold_proves_nothing(signer):
    receipt = understood(a_receipt(signer=signer))
    assert not receipt.authenticated
    with pytest.raises(InvalidReceipt):
        proof(receipt, to_party="PBE000001")


def test_elements_of_others_in_a_receipt_are_ignored():
    info = '<p:info xmlns:p="urn:phase4">x</p:info>'
    receipt = understood(a_receipt(hook=swap("<ebbp:NonRep", f"{info}<ebbp:NonRep")))
    assert len(receipt.references) == 3


@pytest.mark.parametrize(
    "hook",
    [
        cut("<ebbp:NonRepudiationInformation", "</ebbp:NonRepudiationInformation>"),
        cut("<ebbp:MessagePart", "</ebbp:NonRep", "</ebbp:NonRep"),
        lambda text: text.replace("<ds:DigestValue>", "<ds:DigestValue>*"),
        swap("<ebbp:MessagePartNRInformation>", "<ebbp:MessagePartNRInformation><x></x>"),
    ],
)
def test_a_receipt_without_readable_references_proves_nothing(hook):
    receipt = understood(a_receipt(hook=hook))
    assert isinstance(receipt, Receipt)
    with pytest.raises(InvalidReceipt):
        proof(receipt)


def test_an_error_carries_all_that_the_code_says():
    """[EBMS3 §6.2.1] [EBMS3 §6.2.4] [EBMS3 §6.2.5]"""
    signal = understood(an_error())
    assert isinstance(signal, ErrorSignal)
    assert signal.authenticated
    assert signal.ref_to_message_id == ABOUT
    (error,) = signal.errors
    assert (error.code, error.short_description) == ("EBMS:0004", "Other")
    assert (error.category, error.origin, error.severity) == ("Content", "ebMS", "failure")
    assert (error.description, error.error_detail) == ("not here", "PEPPOL:NOT_SERVICED")
    assert error.ref_to_message_in_error == ABOUT


def test_an_error_is_described_in_a_named_language():
    (description,) = elements(an_error(), f"{{{EBMS}}}Description")
    assert description.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


@pytest.mark.parametrize("kind", As4Error.__subclasses__())
def test_every_error_can_be_sent_and_read_back(kind):
    (error,) = understood(an_error(kind(ref_to_message_id=ABOUT))).errors
    assert (error.code, error.short_description) == (kind.code, kind.short_description)
    assert (error.severity, error.category) == (kind.severity, kind.category)


def test_an_error_about_an_unknown_message_names_none():
    signal = understood(an_error(PolicyNoncompliance("who are you?")))
    assert signal.ref_to_message_id is None
    assert signal.errors[0].ref_to_message_in_error is None
    assert b"RefToMessageId" not in an_error(Other())


def test_a_text_that_quotes_the_peer_stays_well_formed_and_short():
    text = "\x00\x1b<&]]>\r\n\ufffe\ud800" + "x" * 5000
    error = understood(an_error(DecompressionFailure(text, error_detail=text))).errors[0]
    assert error.description.startswith("\ufffd\ufffd<&]]> \ufffd\ufffdxx")
    assert len(error.description) <= TEXT_CHARS_MAX


def test_an_unsigned_error_is_read_as_such():
    signal = understood(an_error(signed=False))
    assert (signal.authenticated, signal.problem) == (False, "it is not signed")
    assert signal.errors[0].code == "EBMS:0004"


def test_several_errors_are_all_read():
    twice = '<eb:Error errorCode="EBMS:0102" severity="Warning"></eb:Error>'
    signal = understood(an_error(hook=swap("<eb:Error ", f"{twice}<eb:Error ")))
    assert [error.code for error in signal.errors] == ["EBMS:0102", "EBMS:0004"]


def test_an_error_of_hardly_anything_is_still_an_error():
    bare = cut("<eb:Error ", "</eb:Error>", "<eb:Error></eb:Error>")
    signal = understood(
        an_error(hook=lambda text: cut("<eb:MessageInfo", "</eb:MessageInfo>")(bare(text)))
    )
    assert signal.errors[0].code == ""
    assert signal.errors[0].severity == "failure"
    assert (signal.message_id, signal.timestamp) == (None, None)


def test_a_receipt_with_a_warning_is_a_receipt():
    warning = '<eb:Error errorCode="EBMS:0002" severity="warning"></eb:Error></eb:SignalMessage>'
    receipt = understood(a_receipt(hook=swap("</eb:SignalMessage>", warning)))
    assert isinstance(receipt, Receipt)
    assert receipt.warnings[0].code == "EBMS:0002"


def test_a_receipt_with_a_failure_is_an_error():
    failure = '<eb:Error errorCode="EBMS:0004" severity="failure"></eb:Error></eb:SignalMessage>'
    assert isinstance(understood(a_receipt(hook=swap("</eb:SignalMessage>", failure))), ErrorSignal)


SIGNAL = "<eb:SignalMessage>"
FAULT = (
    "<S12:Fault><S12:Code><S12:Value>S12:Receiver</S12:Value></S12:Code><S12:Reason>"
    '<S12:Text xml:lang="en">out\n of order</S12:Text></S12:Reason></S12:Fault>'
)


def test_a_soap_fault_is_an_unauthenticated_refusal():
    """[SOAP12 §5.4]"""
    soap = f'<S12:Envelope xmlns:S12="{SOAP}"><S12:Body>{FAULT}</S12:Body></S12:Envelope>'
    signal = understood(soap.encode())
    assert isinstance(signal, ErrorSignal)
    assert (signal.authenticated, signal.errors) == (False, ())
    assert signal.fault == "S12:Receiver out of order"


def test_a_receipt_beside_a_fault_is_no_receipt():
    signal = understood(a_receipt(hook=swap("</S12:Body>", f"{FAULT}</S12:Body>")))
    assert isinstance(signal, ErrorSignal)
    assert signal.fault is not None


@pytest.mark.parametrize(
    "soap",
    [
        b"",
        b"<html><body>Bad Gateway</body></html>",
        f'<S12:Envelope xmlns:S12="{SOAP}"><S12:Body></S12:Body></S12:Envelope>'.encode(),
        a_receipt(hook=cut("<eb:Receipt>", "</eb:Receipt>")),
        a_receipt(hook=cut("<eb:SignalMessage>", "</eb:SignalMessage>")),
        a_receipt(hook=swap(SIGNAL, f"{SIGNAL}</eb:SignalMessage>{SIGNAL}")),
        a_sealed_message().body,
        b"\xff\xfe",
        b"<!DOCTYPE x><x/>",
    ],
)
def test_what_is_no_signal_is_unreadable(soap):
    with pytest.raises(Unreadable):
        understood(soap)


def test_a_signature_covers_the_errors_that_are_read():
    signal = understood(an_error(hook=swap("PEPPOL:NOT_SERVICED", "PEPPOL:NOT_SERVICEX")))
    assert not signal.authenticated
    assert "digest of Messaging" in signal.problem


def test_a_receipt_is_judged_at_the_time_it_is_read():
    receipt = read_signal(
        a_receipt(), check_signer=check_signer, now=datetime(2040, 1, 1, tzinfo=UTC)
    )
    assert not receipt.authenticated
    assert NOW + timedelta(0) == receipt.timestamp


def test_the_signature_of_a_receipt_has_no_other_key_info():
    (info,) = elements(a_receipt(), f"{{{DS}}}KeyInfo")
    assert [child.tag.rpartition("}")[2] for child in info] == ["SecurityTokenReference"]


def beside(tag, comment):
    """*comment* behind a start tag, before an end tag."""
    return comment + tag if tag.startswith("</") else tag + comment


@pytest.mark.parametrize("make", [a_receipt, an_error])
@pytest.mark.parametrize("place", ["<eb:RefToMessageId>", "<eb:Timestamp>", "</eb:RefToMessageId>"])
def test_a_comment_in_a_value_that_is_signed_authenticates_nothing(make, place):
    signal = understood(make(hook=lambda soap: soap.replace(place, beside(place, "<!-- x -->"))))
    assert not signal.authenticated
    assert "comments" in signal.problem


@pytest.mark.parametrize("make", [a_receipt, an_error])
@pytest.mark.parametrize("place", ["<eb:SignalMessage>", "<eb:MessageInfo>", "</eb:MessageInfo>"])
def test_a_comment_between_elements_changes_nothing(make, place):
    signal = understood(make(hook=lambda soap: soap.replace(place, place + "<!-- <x>y</x> -->")))
    assert signal.authenticated
    assert signal.ref_to_message_id is not None
