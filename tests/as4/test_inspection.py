"""What an inspection says of messages of our own, good and bad in every way."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from as4.compression import gzip_compress
from as4.dump import Dump
from as4.errors import FailedAuthentication, NotServed
from as4.errorsignal import build_error
from as4.inspection import Kind, Known, Sent, State, describe, inspect, read_request
from as4.receipt import build_receipt
from tests.support.attacks import BUSINESS, DECRYPTION, NOT_SERVED, POLICY, TABLE
from tests.support.messages import (
    INVOICE,
    NONCE,
    RANDOM_KEY,
    a_business_envelope,
    a_ping,
    a_sealed_message,
    a_user_message,
    anchors,
    key_pair,
    read,
    swap,
)
from tests.support.pki import NOW, RECEIVER, SENDER

NOTHING_KNOWN = Known(random_key=RANDOM_KEY, duplicate_memory=timedelta(days=90))


def everything_known(**changes):
    """The knowledge of the receiver of our messages."""
    pair = key_pair("receiver")
    known = replace(
        NOTHING_KNOWN, anchors=anchors(), at=NOW, key=pair.key, certificate=pair.certificate
    )
    return replace(known, **changes)


def dumped(sealed):
    return Dump(None, {}, sealed.content_type, sealed.body)


def an_answer(soap):
    return Dump(None, {}, "application/soap+xml; charset=UTF-8", soap)


def inspected(sealed, known=None, **options):
    return inspect(dumped(sealed), known or everything_known(), **options)


def answer_to(sealed, build=build_receipt, about=None, *, signer="receiver"):
    """The receipt for *sealed*, or what *build* makes of the error *about*."""
    pair = None if signer is None else key_pair(signer)
    return build(
        about or read(sealed), message_id="r@red.example", now=NOW, signer=pair, nonce=NONCE
    )


def digests(report):
    return {each.covers: str(each.digest) for each in report.references}


def unchecked(report):
    return {each.what for each in report.not_checked}


def test_a_good_message_is_good_and_all_of_it_is_shown():
    report = inspected(a_sealed_message())
    assert (report.kind, report.good, report.verdict) == (Kind.USER_MESSAGE, True, None)
    assert digests(report) == {"Messaging": "good", "Body": "good", "attachment": "good"}
    assert report.signature is State.GOOD
    assert (report.signer.common_name, report.signer.chain) == (SENDER, State.GOOD)
    assert report.signer.valid_at is True
    assert (report.from_party, report.to_party) == (SENDER, RECEIVER)
    assert report.encrypted_for == RECEIVER
    assert report.payload.envelope == a_business_envelope()
    assert report.payload.document == INVOICE
    assert report.payload.agrees is State.GOOD
    assert unchecked(report) == {"revocation", "served", "duplicate"}
    assert report.warnings == []


def test_the_facts_have_the_keys_that_others_rely_on():
    facts = describe(inspected(a_sealed_message()))
    assert facts["verdict"] == "good"
    assert facts["code"] is facts["problem"] is facts["http_status"] is facts["errors"] is None
    assert facts["document_type"].startswith("busdox-docid-qns::urn:oasis")
    assert facts["process"].startswith("cenbii-procid-ubl::")
    assert facts["sender"] == facts["payload"]["sbdh"]["sender"]
    assert facts["signer"]["chain"] == "good"
    assert facts["references"][2]["covers"] == "attachment"
    assert facts["payload"]["document_bytes"] == len(INVOICE)
    assert facts["not_checked"][0].keys() == {"what", "why"}


def test_without_key_and_trust_the_rest_is_good():
    report = inspected(a_sealed_message(), NOTHING_KNOWN)
    assert report.good
    assert digests(report) == {"Messaging": "good", "Body": "good", "attachment": "not checked"}
    assert report.signer.chain is State.NOT_CHECKED
    assert report.signer.valid_at is True
    assert report.payload is None
    assert unchecked(report) == {
        "revocation", "chain", "addressee", "attachment", "business document", "age",
        "served", "duplicate",
    }  # fmt: skip


JUDGED = {name: row for name, row in TABLE.items() if row[1] != NOT_SERVED}


@pytest.mark.parametrize("name", JUDGED)
def test_every_bad_message_gets_the_code_that_the_endpoint_sends(name):
    build, expected = JUDGED[name]
    sealed = build()
    report = inspected(sealed)
    verdict = report.verdict
    assert verdict is not None
    assert (verdict.code or str(verdict.http_status)) == expected
    if verdict.code is not None:
        assert report.kind is Kind.USER_MESSAGE
        assert report.message_id == sealed.message_id


NEEDS_A_KEY = {
    *DECRYPTION, *BUSINESS, "not gzip", "gzip cut short", "a wrong checksum", "bytes behind",
    "a second member",
}  # fmt: skip
SEEN_FROM_OUTSIDE = {
    "no original sender", "an untyped original sender", "no final recipient", "an untyped service",
}  # fmt: skip


@pytest.mark.parametrize("name", JUDGED)
def test_without_the_key_only_what_it_takes_to_see_inside_is_missed(name):
    build, expected = JUDGED[name]
    report = inspected(build(), everything_known(key=None, certificate=None))
    missed = name in NEEDS_A_KEY - SEEN_FROM_OUTSIDE
    assert report.good is missed
    if not missed:
        assert (report.verdict.code or str(report.verdict.http_status)) == expected


@pytest.mark.parametrize("name", ["a certificate that is foreign", "a certificate that is expired"])
def test_after_a_failure_the_rest_is_shown_all_the_same(name):
    build, _ = TABLE[name]
    report = inspected(build())
    assert report.verdict.code == "EBMS:0101"
    assert set(digests(report).values()) == {"good"}
    assert report.payload.document == INVOICE


def test_a_changed_header_is_bad_at_messaging_and_still_names_its_signer():
    report = inspected(a_sealed_message(soap=swap("0208:0123456749", "0208:0123456750")))
    assert digests(report) == {"Messaging": "bad", "Body": "good", "attachment": "good"}
    assert report.verdict.detail == "the digest of Messaging is not the one that was signed"
    assert report.signature is State.GOOD
    assert report.signer.common_name == SENDER


def altered(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def test_several_things_that_are_bad_are_all_named():
    hook = swap("0208:0123456749", "0208:0123456750")
    report = inspected(a_sealed_message(signer="expired", soap=hook, attachment=altered))
    assert [(each.code, each.detail.partition("expired")[0]) for each in report.problems] == [
        ("EBMS:0101", f"the certificate of {SENDER} "),
        ("EBMS:0101", "the digest of Messaging is not the one that was signed"),
        ("EBMS:0102", "the attachment was altered: its tag does not hold"),
    ]


@pytest.mark.parametrize(
    ("name", "why"),
    {
        "a changed tag": "its tag does not hold",
        "another digest signed": "the digest of the attachment",
        "a key that does not open": "cannot be unwrapped",
        "encrypted for somebody else": "encrypted for a certificate of PBE000003",
    }.items(),
)
def test_to_the_owner_of_the_key_a_failed_decryption_is_explained(name, why):
    report = inspected(DECRYPTION[name]())
    assert report.verdict.code == "EBMS:0102"
    assert why in report.verdict.detail
    assert report.payload is None


@pytest.mark.parametrize("name", ["RSA 1.5", "AES in CBC", "unencrypted"])
def test_what_the_policy_has_against_the_encryption_does_not_hide_the_signer(name):
    build, _ = POLICY[name]
    report = inspected(build())
    assert report.verdict.code == "EBMS:0103"
    assert (report.signature, report.signer.common_name) == (State.GOOD, SENDER)
    assert digests(report)["Messaging"] == "good"


def test_an_unsigned_message_has_no_signature():
    build, _ = POLICY["unsigned"]
    report = inspected(build())
    assert (report.signature, report.signer, report.references) == (State.ABSENT, None, [])


def test_a_key_alone_opens_what_is_encrypted_for_it_under_any_certificate():
    alone = everything_known(certificate=None)
    assert inspected(a_sealed_message(), alone).payload.document == INVOICE
    report = inspected(a_sealed_message(recipient="third"), alone)
    assert report.verdict.code == "EBMS:0102"


def test_a_key_alone_tells_whom_the_message_should_be_for():
    sealed = a_sealed_message(a_user_message(to_party="PBE000009"))
    report = inspected(sealed, everything_known(certificate=None))
    assert report.verdict.code == "EBMS:0004"
    assert "PBE000009" in report.verdict.detail


def test_a_renewed_certificate_is_not_the_one_of_the_pair():
    """As at the endpoint, which knows its certificates one by one."""
    report = inspected(a_sealed_message(recipient="receiver-renewed"))
    assert report.verdict.code == "EBMS:0102"


@pytest.mark.parametrize("days", [-1, 91])
def test_at_a_given_time_the_age_is_judged(days):
    at = NOW + timedelta(days=days)
    report = inspected(a_sealed_message(), everything_known(at=at))
    assert report.verdict.code == "EBMS:0003"
    assert "age" in unchecked(inspected(a_sealed_message(), everything_known(at=None)))


def test_the_certificate_is_judged_at_the_time_of_the_message():
    late = everything_known(at=NOW + timedelta(days=3000))
    report = inspected(a_sealed_message(), late)
    assert report.signer.valid_at is False
    assert report.verdict.code == "EBMS:0101"
    assert inspected(a_sealed_message(), everything_known(at=None)).good


@pytest.mark.parametrize("name", ["expired", "bad-cn", "encipher-only"])
def test_without_trust_the_leaf_itself_is_judged(name):
    report = inspected(a_sealed_message(signer=name), NOTHING_KNOWN)
    assert report.verdict.code == "EBMS:0101"
    assert report.signer.chain is State.NOT_CHECKED


@pytest.mark.parametrize("name", ["foreign", "direct-root"])
def test_without_trust_whoever_issued_the_leaf_is_not_bad(name):
    assert inspected(a_sealed_message(signer=name), NOTHING_KNOWN).good
    with_trust = inspected(a_sealed_message(signer=name))
    assert with_trust.signer.chain is State.BAD


def test_no_key_usage_is_a_warning():
    report = inspected(a_sealed_message(signer="no-key-usage"))
    assert report.good
    assert report.warnings == ["the certificate has no key usage extension"]


@pytest.mark.parametrize("known", [NOTHING_KNOWN, everything_known()])
def test_a_ping_without_payload_is_good(known):
    report = inspected(a_ping(), known)
    assert (report.kind, report.good, report.is_ping) == (Kind.USER_MESSAGE, True, True)
    assert report.payload is None
    assert digests(report) == {"Messaging": "good", "Body": "good"}
    assert not unchecked(report) & {"served", "duplicate", "attachment"}


def test_a_document_that_is_broken_is_bad_though_the_endpoint_takes_it():
    broken = gzip_compress(a_business_envelope(INVOICE.replace(b"</ID>", b"</Id>")))
    report = inspected(a_sealed_message(payload=broken))
    assert (report.verdict.code, report.payload.document) == (None, None)
    assert "the document is broken" in report.verdict.detail
    assert report.payload.header is not None


def test_every_flipped_byte_turns_it_bad():
    """Of the header, the signature and the attachment, at some places of each."""
    sealed = a_sealed_message()
    body = sealed.body
    places = [
        body.index(b"<eb:Action>") + 20,
        body.index(b"<ds:SignatureValue>") + 30,
        body.index(b"<ds:DigestValue>") + 20,
        body.index(b"<xenc:CipherValue>") + 30,
        sealed.attachment_offset + 3,
        sealed.attachment_offset + 50,
        sealed.attachment_offset + sealed.attachment_length - 1,
    ]
    for place in places:
        flipped = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert not inspected(replace(sealed, body=flipped)).good, place


def test_a_genuine_receipt_is_good_and_fits_its_request():
    sealed = a_sealed_message()
    sent = read_request(dumped(sealed))
    assert sent == Sent(sealed.message_id, RECEIVER, sealed.references)
    dump = an_answer(answer_to(sealed))
    for options in ({}, {"sent": sent}):
        report = inspect(dump, everything_known(), **options)
        assert (report.kind, report.good) == (Kind.RECEIPT, True)
        assert report.ref_to_message_id == sealed.message_id
        assert report.signer.common_name == RECEIVER
        assert len(report.acknowledges) == 3
    assert {each.in_request for each in report.acknowledges} == {State.GOOD}
    assert unchecked(report) == {"revocation"}


OTHER_REQUESTS = {
    "another message": lambda: a_sealed_message(a_user_message(message_id="other@blue.example")),
    "other parts": lambda: a_sealed_message(payload=gzip_compress(b"<other/>")),
    "another access point": lambda: a_sealed_message(a_user_message(to_party="PBE000009")),
}


@pytest.mark.parametrize("name", OTHER_REQUESTS)
def test_a_receipt_for_something_else_is_bad(name):
    dump = an_answer(answer_to(a_sealed_message()))
    sent = read_request(dumped(OTHER_REQUESTS[name]()))
    report = inspect(dump, everything_known(), sent=sent)
    assert report.verdict.code == "EBMS:0302"
    if name != "another message":
        return
    assert report.verdict.detail.endswith(f"for the message {a_sealed_message().message_id}")


BAD_RECEIPTS = {
    "unsigned": lambda text: text[: text.index(b"<wsse:S")] + text[text.index(b"<eb:Messaging") :],
    "of no message": lambda text: text.replace(b"RefToMessageId", b"RefToOther"),
    "changed": lambda text: text.replace(b"r@red.example", b"s@red.example"),
}


@pytest.mark.parametrize("name", BAD_RECEIPTS)
def test_a_receipt_that_proves_nothing_is_bad(name):
    spoiled = BAD_RECEIPTS[name](answer_to(a_sealed_message()))
    report = inspect(an_answer(spoiled), everything_known())
    assert (report.kind, report.verdict.code) == (Kind.RECEIPT, "EBMS:0302")
    assert (report.signature is State.ABSENT) == (name == "unsigned")


def test_a_receipt_of_a_stranger_is_bad_only_where_trust_is_given():
    dump = an_answer(answer_to(a_sealed_message(), signer="foreign"))
    assert inspect(dump, NOTHING_KNOWN).good
    assert inspect(dump, everything_known()).verdict.code == "EBMS:0302"


ABOUT = NotServed("not here", ref_to_message_id=a_user_message().message_id)
an_error = partial(answer_to, build=build_error, about=ABOUT)


def test_a_genuine_error_is_good_and_says_what_it_says():
    sealed = a_sealed_message()
    report = inspect(
        an_answer(an_error(sealed)), everything_known(), sent=read_request(dumped(sealed))
    )
    assert (report.kind, report.good, report.warnings) == (Kind.ERROR, True, [])
    (error,) = describe(report)["errors"]
    assert (error["code"], error["error_detail"]) == ("EBMS:0004", "PEPPOL:NOT_SERVICED")
    assert report.ref_to_message_id == sealed.message_id


def test_an_unsigned_error_is_read_and_said_to_be_anybodys():
    report = inspect(an_answer(an_error(a_sealed_message(), signer=None)), everything_known())
    assert (report.kind, report.good, report.signature) == (Kind.ERROR, True, State.ABSENT)
    assert "anybody" in report.warnings[0]


def test_an_error_whose_signature_does_not_hold_is_bad():
    changed = an_error(a_sealed_message()).replace(b"not here", b"not nice")
    report = inspect(an_answer(changed), everything_known())
    assert report.verdict.code == FailedAuthentication.code
    assert digests(report) == {"Messaging": "bad", "Body": "good"}


@pytest.mark.parametrize("name", ["another message", "another access point"])
def test_an_error_about_something_else_is_bad(name):
    sent = read_request(dumped(OTHER_REQUESTS[name]()))
    report = inspect(an_answer(an_error(a_sealed_message())), everything_known(), sent=sent)
    assert (report.kind, report.good) == (Kind.ERROR, False)


def test_a_soap_fault_is_an_error_of_anybody():
    soap = "http://www.w3.org/2003/05/soap-envelope"
    fault = f'<S:Envelope xmlns:S="{soap}"><S:Body><S:Fault>down</S:Fault></S:Body></S:Envelope>'
    report = inspect(an_answer(fault.encode()), NOTHING_KNOWN)
    assert (report.kind, report.good, report.fault) == (Kind.ERROR, True, "down")


def test_of_two_failures_the_endpoints_first_is_the_verdict():
    both = a_user_message(to_party="PBE000009", action="busdox-docid-qns::other")
    assert "PBE000009" in inspected(a_sealed_message(both)).verdict.detail
