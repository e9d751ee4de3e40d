"""Answers of OCSP responders: which are believed, and what they say."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.certificates import (
    Revocation,
    UnusableMaterial,
    build_ocsp_request,
    ocsp_revocation_of,
    parse_ocsp,
)
from as4.certificates.ocsp import ANSWER_BYTES_MAX, UNDATED_LIFE
from as4.certificates.revocation import CLOCK_SKEW
from tests.support.certificates import DAY, a_certificate, an_authority, key, key_usage, name_of
from tests.support.pki import NOW
from tests.support.responder import (
    GOOD,
    HOUR,
    OCSP_SIGNING,
    REVOKED,
    UNKNOWN,
    a_responder,
    an_answer,
)

LEAF = a_certificate()
NONCE = bytes(range(16))
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")

FALSE_AUTHORITY = an_authority(public_key=key("other"))


def read(data, *, certificate=LEAF, now=NOW, nonce=None, issuer=None):
    return parse_ocsp(data, certificate, issuer or an_authority(), now, nonce)


def refusal(data, **arguments):
    with pytest.raises(UnusableMaterial) as caught:
        read(data, **arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (GOOD, Revocation.GOOD),
        (REVOKED, Revocation.REVOKED),
        (UNKNOWN, Revocation.UNKNOWN),
    ],
)
def test_an_answer_says_what_became_of_a_certificate(status, says):
    """[RFC6960 §3.2]"""
    answer = read(an_answer(LEAF, status=status))
    assert answer.status is says
    assert ocsp_revocation_of(answer, NOW) is says
    assert (answer.this_update, answer.next_update) == (NOW - HOUR, NOW + DAY)


def test_a_question_names_the_certificate_and_repeats_the_nonce():
    """[RFC6960 §4.1] [RFC6960 §4.4.1]"""
    bare = ocsp.load_der_ocsp_request(build_ocsp_request(LEAF, an_authority()))
    assert bare.serial_number == LEAF.serial_number
    assert list(bare.extensions) == []
    asked = ocsp.load_der_ocsp_request(build_ocsp_request(LEAF, an_authority(), NONCE))
    assert asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == NONCE


@pytest.mark.parametrize("by_key", [False, True])
def test_the_issuer_or_whom_it_certified_for_it_may_answer(by_key):
    """Named by name or by key.  [RFC6960 §4.2.2.2] [RFC6960 §4.2.2.3]"""
    own = read(an_answer(LEAF, by_key=by_key))
    responder = a_responder()
    delegated = read(an_answer(LEAF, responder=responder, by_key=by_key))
    assert (own.responder, delegated.responder) == (None, responder)
    assert own.status is delegated.status is Revocation.GOOD


@pytest.mark.parametrize("naming", [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()])
def test_the_issuer_may_be_named_with_any_digest(naming):
    """[RFC6960 §4.1.1]"""
    assert read(an_answer(LEAF, naming=naming)).status is Revocation.GOOD


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"extensions": []}, "is not certified for OCSPSigning"),
        (
            {
                "extensions": [
                    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
                ]
            },
            "is not certified for OCSPSigning",
        ),
        ({"issuer": name_of("A root"), "signed_with": key("A root")}, "by the issuer itself"),
        ({"signed_with": key("other")}, "by the issuer itself"),
        ({"issuer": name_of("A responder"), "signed_with": key("responder")}, "by the issuer"),
        ({"end": NOW - timedelta(seconds=1)}, "is not valid at"),
        ({"start": NOW + timedelta(seconds=1)}, "is not valid at"),
        ({"usage": key_usage("key_encipherment")}, "may not sign"),
        ({"digest": hashes.SHA224()}, "a weak digest"),
        ({"extensions": [OCSP_SIGNING, (UNKNOWN_EXTENSION, True)]}, "critical extension 1.2.3.4"),
    ],
)
def test_a_responder_that_the_issuer_did_not_certify_for_it_is_refused(changes, detail):
    """[RFC6960 §4.2.2.2]"""
    assert detail in refusal(an_answer(LEAF, responder=a_responder(**changes)))


def test_an_access_point_cannot_answer_for_itself():
    own = a_certificate(public_key=key("responder"))
    said = refusal(an_answer(own, responder=own), certificate=own)
    assert "is not certified for OCSPSigning" in said


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        (
            {"responder": FALSE_AUTHORITY, "sent": [], "signed_with": key("other")},
            "signed by nobody who may answer",
        ),
        ({"responder": a_responder(), "sent": []}, "signed by nobody who may answer"),
        (
            {
                "responder": a_responder(public_key=key("other")),
                "sent": [a_responder()],
                "signed_with": key("other"),
            },
            "signed by nobody who may answer",
        ),
        ({"digest": hashes.SHA224()}, "not signed with RSA and SHA-2"),
        ({"this_update": NOW + HOUR}, "is from the future"),
        ({"extensions": [(UNKNOWN_EXTENSION, True)]}, "critical extension 1.2.3.4"),
        ({"issuer": an_authority("B CA"), "signed_with": key("B CA")}, "signed by nobody"),
        (
            {
                "issuer": an_authority(public_key=key("renewed")),
                "responder": an_authority(),
                "sent": [],
                "signed_with": key("A CA"),
            },
            "says nothing about the certificate",
        ),
        ({"naming": hashes.SHA224()}, "says nothing about the certificate"),
    ],
)
def test_an_answer_we_cannot_rely_on_is_refused(changes, detail):
    assert detail in refusal(an_answer(LEAF, **changes))


def test_an_answer_about_another_certificate_is_refused():
    """[RFC6960 §3.2]"""
    assert "says nothing about the certificate" in refusal(an_answer(a_certificate()))


def test_an_answer_signed_with_an_elliptic_curve_is_refused():
    curve = key(bits=256)
    responder = a_responder(public_key=curve)
    assert "RSA" in refusal(an_answer(LEAF, responder=responder, signed_with=curve))


def test_a_short_key_answers_for_nobody():
    short = key("short", 1024)
    said = refusal(an_answer(LEAF, responder=a_responder(public_key=short), signed_with=short))
    assert "signed by nobody" in said


def test_more_certificates_than_a_responder_has_are_not_looked_at():
    responder = a_responder()
    many = [a_certificate() for _ in range(4)]
    assert read(an_answer(LEAF, responder=responder, sent=[*many[:3], responder]))
    assert "signed by nobody" in refusal(
        an_answer(LEAF, responder=responder, sent=[*many, responder])
    )


def test_a_nonce_must_be_ours_where_one_comes_back():
    """[RFC6960 §4.4.1]"""
    ours = an_answer(LEAF, extensions=[(x509.OCSPNonce(NONCE), False)])
    assert read(ours, nonce=NONCE)
    assert read(ours)
    assert read(an_answer(LEAF), nonce=NONCE)
    assert "to another question" in refusal(ours, nonce=bytes(16))


def test_an_answer_counts_until_its_next_update_and_the_grace():
    good = read(an_answer(LEAF))
    late = NOW + DAY + HOUR
    assert ocsp_revocation_of(good, NOW + DAY) is Revocation.GOOD
    assert ocsp_revocation_of(good, late) is Revocation.UNKNOWN
    assert ocsp_revocation_of(good, late, stale_grace=HOUR) is Revocation.GOOD
    assert ocsp_revocation_of(good, late, stale_grace=HOUR / 2) is Revocation.UNKNOWN
    assert ocsp_revocation_of(read(an_answer(LEAF, status=REVOKED)), late) is Revocation.REVOKED


def test_an_answer_without_next_update_counts_for_an_hour():
    """[RFC6960 §4.2.2.1]"""
    answer = read(an_answer(LEAF, next_update=None))
    assert answer.next_update == NOW - HOUR + UNDATED_LIFE


def test_a_clock_that_is_a_little_fast_is_forgiven():
    data = an_answer(LEAF, this_update=NOW)
    assert read(data, now=NOW - CLOCK_SKEW)
    assert "future" in refusal(data, now=NOW - CLOCK_SKEW - timedelta(seconds=1))


@pytest.mark.parametrize("status", list(ocsp.OCSPResponseStatus)[1:])
def test_a_responder_that_gives_no_answer_is_quoted(status):
    data = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    assert f"no answer but {status.name.lower()}" in refusal(data)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "not an OCSP answer"),
        (b"<html>down for maintenance</html>", "not an OCSP answer"),
        (b"0" * (ANSWER_BYTES_MAX + 1), f"is larger than {ANSWER_BYTES_MAX} bytes"),
    ],
)
def test_what_is_no_answer_is_refused(data, detail):
    assert detail in refusal(data)


def test_a_signature_that_leaves_bits_out_is_refused():
    answer = an_answer(LEAF, status=GOOD)
    signature = ocsp.load_der_ocsp_response(answer).signature
    unused = answer.index(signature) - 1
    assert answer[unused] == 0
    # The parser itself refuses it where a bit that does not count is set.
    with pytest.raises(UnusableMaterial, match=r"whole bytes|not an OCSP answer"):
        read(answer[:unused] + b"\x01" + answer[unused + 1 :])


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(1, 255), delegated=st.booleans())
def test_no_damaged_answer_turns_good_into_revoked_or_back(place, value, delegated):
    responder = a_responder() if delegated else None
    for status, says in ((GOOD, Revocation.GOOD), (REVOKED, Revocation.REVOKED)):
        damaged = bytearray(an_answer(LEAF, status=status, responder=responder))
        damaged[place % len(damaged)] ^= value
        try:
            answer = read(bytes(damaged))
        except UnusableMaterial:
            continue
        # The certificates that go along are not signed: some of their bytes change nothing.
        assert answer.status is says
        assert delegated
