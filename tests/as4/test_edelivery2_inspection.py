"""What an inspection says of messages of the second suite: all of them, and that we refuse them."""

from dataclasses import replace

import pytest

from as4.inspection import State, inspect
from as4.receipt import build_receipt
from tests.as4.test_inspection import NOTHING_KNOWN, an_answer, digests, inspected
from tests.support.curves import NONCE, NOW, PEPPOL_NEXT, anchors, pair, read, seal
from tests.support.messages import a_business_envelope, a_sealed_message, cut, swap
from tests.support.pki import RECEIVER, SENDER


def known(**changes):
    receiver = pair("receiver")
    everything = {"anchors": anchors(), "at": NOW, "key": receiver.key}
    return replace(NOTHING_KNOWN, **{**everything, **changes})


def seen(sealed=None, **changes):
    return inspected(sealed or seal(pmode=PEPPOL_NEXT), known(**changes))


def test_all_of_a_message_is_shown():
    report = seen(certificate=pair("receiver").certificate)
    assert report.signature is State.GOOD
    assert digests(report) == {"Messaging": "good", "Body": "good", "attachment": "good"}
    assert (report.signer.common_name, report.signer.chain) == (SENDER, State.GOOD)
    assert (report.signer.valid_at, report.signer.problem) == (True, None)
    assert report.encrypted_for == RECEIVER
    assert report.payload.envelope == a_business_envelope()
    assert report.payload.agrees is State.GOOD


def test_the_verdict_is_that_of_the_endpoint():
    report = seen()
    assert not report.good
    assert report.verdict.code == "EBMS:0103"
    assert "SignatureMethod" in report.verdict.detail
    assert any("edelivery-2-curve25519" in warning for warning in report.warnings)


def test_a_message_of_the_first_suite_gets_no_such_warning():
    assert not any("edelivery-2" in each for each in inspected(a_sealed_message()).warnings)


def test_a_key_without_certificate_opens_what_fits_it():
    assert seen().payload.envelope == a_business_envelope()
    other = seen(key=pair("third receiver").key)
    assert other.payload is None
    assert any("encrypted for a certificate of" in each.detail for each in other.problems)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"attachment": lambda data: data[:-1] + bytes([data[-1] ^ 1])}, "its tag does not hold"),
        ({"soap": swap("<ds:SignatureValue>", "<ds:SignatureValue>AAAA")}, "signature value"),
        ({"soap": swap("<eb:PartyInfo>", " <eb:PartyInfo>")}, "digest of Messaging"),
        (
            {"soap": cut("<xenc:CipherValue>", "</xenc:Cip", "<xenc:CipherValue>AAAA</xenc:Cip")},
            "cannot be unwrapped",
        ),
        ({"signer": pair("expired")}, "expired at"),
        ({"signer": pair("foreign")}, "not issued by a trusted authority"),
    ],
)
def test_what_is_wrong_with_it_is_named(changes, detail):
    report = seen(seal(pmode=PEPPOL_NEXT, **changes))
    assert any(detail in each.detail for each in report.problems)


def test_a_key_of_the_other_suite_opens_nothing_and_breaks_nothing():
    certificate = pair("receiver").certificate
    report = inspected(a_sealed_message(), known(certificate=certificate, anchors=None))
    assert not report.good
    assert report.payload is None


def test_a_receipt_is_explained():
    received = read(seal(pmode=PEPPOL_NEXT), pmode=PEPPOL_NEXT)
    soap = build_receipt(
        received,
        message_id="r@red.example",
        now=NOW,
        signer=pair("answerer"),
        nonce=NONCE,
        pmode=PEPPOL_NEXT,
    )
    report = inspect(an_answer(soap), known())
    assert report.signature is State.GOOD
    assert report.signer.common_name == RECEIVER
    assert not report.good
