"""Revocation lists and OCSP answers made by openssl, read by us."""

from datetime import timedelta

import pytest

from as4.certificates import (
    Revocation,
    UnusableMaterial,
    build_ocsp_request,
    load_certificate,
    ocsp_revocation_of,
    parse_crl,
    parse_ocsp,
    revocation_of,
)
from tests.support.certificates import an_authority, der, key
from tests.support.openssl import OPENSSL, OpensslAuthority
from tests.support.responder import OCSP_SIGNING

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not here")
NONCE = bytes(range(16))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def authority(tmp_path):
    return OpensslAuthority(tmp_path / "ca")


def told(authority, leaf, *options, nonce=None, at=timedelta(0), grace=timedelta(0)):
    issuer, now = authority.certificate, authority.now + MINUTE
    data = authority.answer(build_ocsp_request(leaf, issuer, nonce), *options)
    answer = parse_ocsp(data, leaf, issuer, now, nonce)
    return ocsp_revocation_of(answer, now + at, stale_grace=grace)


def listed(authority, leaf, *, at=timedelta(0), grace=timedelta(0), **made):
    crl = parse_crl(authority.crl(**made), authority.certificate, authority.now + MINUTE)
    certificate = load_certificate(der(leaf))
    return revocation_of(certificate, crl, authority.now + MINUTE + at, stale_grace=grace)


@pytest.mark.parametrize(
    ("status", "says"),
    [("V", Revocation.GOOD), ("R", Revocation.REVOKED), (None, Revocation.UNKNOWN)],
)
@pytest.mark.parametrize("options", [(), ("-ndays", "1", "-resp_key_id")])
def test_a_responder_tells_good_revoked_and_unknown(authority, status, says, options):
    assert told(authority, authority.issue(status), *options) is says
    assert told(authority, authority.issue(status), *options, nonce=NONCE) is says


def test_an_answer_ends(authority):
    good, revoked = authority.issue("V"), authority.issue("R")
    after = timedelta(hours=2)
    assert told(authority, good, "-nmin", "60", at=after / 4) is Revocation.GOOD
    assert told(authority, good, "-nmin", "60", at=after) is Revocation.UNKNOWN
    assert told(authority, good, "-nmin", "60", at=after, grace=after) is Revocation.GOOD
    assert told(authority, revoked, "-nmin", "60", at=after) is Revocation.REVOKED


def test_an_answer_that_names_no_end_counts_for_an_hour(authority):
    good = authority.issue("V")
    undated = ("-rother", "ca.pem")
    assert told(authority, good, *undated, at=timedelta(minutes=50)) is Revocation.GOOD
    assert told(authority, good, *undated, at=timedelta(minutes=70)) is Revocation.UNKNOWN


def test_the_answer_to_another_question_is_refused(authority):
    leaf, other = authority.issue("V"), authority.issue("R")
    issuer, now = authority.certificate, authority.now + MINUTE
    data = authority.answer(build_ocsp_request(leaf, issuer, NONCE))
    assert parse_ocsp(data, leaf, issuer, now, NONCE).status is Revocation.GOOD
    with pytest.raises(UnusableMaterial, match="to another question"):
        parse_ocsp(data, leaf, issuer, now, bytes(16))
    with pytest.raises(UnusableMaterial, match="says nothing about the certificate"):
        parse_ocsp(data, other, issuer, now, NONCE)


@pytest.mark.parametrize(
    ("responder", "detail"),
    [
        ({"extensions": []}, "not certified for OCSPSigning"),
        ({"signed_with": key("other")}, "not certified by the issuer itself"),
        ({"extensions": [OCSP_SIGNING]}, None),
    ],
)
def test_who_answers_must_be_certified_for_it(tmp_path, responder, detail):
    authority = OpensslAuthority(tmp_path / "ca", **responder)
    leaf = authority.issue("V")
    if detail is None:
        assert told(authority, leaf) is Revocation.GOOD
    else:
        with pytest.raises(UnusableMaterial, match=detail):
            told(authority, leaf)


def test_without_the_responders_certificate_nobody_has_signed(authority):
    with pytest.raises(UnusableMaterial, match="signed by nobody"):
        told(authority, authority.issue("V"), "-ndays", "1", "-resp_no_certs")


def test_an_answer_signed_with_a_weak_digest_is_refused(authority):
    with pytest.raises(UnusableMaterial, match="RSA and SHA-2"):
        told(authority, authority.issue("V"), "-ndays", "1", "-rmd", "sha1")


def test_a_list_tells_good_and_revoked_until_it_ends(authority):
    good, revoked = authority.issue("V"), authority.issue("R")
    late, hours = timedelta(hours=3), timedelta(hours=1)
    assert listed(authority, good) is Revocation.GOOD
    assert listed(authority, revoked) is Revocation.REVOKED
    assert listed(authority, good, seconds=3600, at=late) is Revocation.UNKNOWN
    assert listed(authority, good, seconds=3600, at=late, grace=hours) is Revocation.UNKNOWN
    assert listed(authority, good, seconds=3600, at=late, grace=late) is Revocation.GOOD
    assert listed(authority, revoked, seconds=3600, at=late) is Revocation.REVOKED


def test_lists_are_numbered(authority):
    def read():
        return parse_crl(authority.crl(), authority.certificate, authority.now + MINUTE)

    first, second = read(), read()
    assert (first.number, second.number) == (1, 2)
    assert first.is_older_than(second)
    assert not second.is_older_than(first)
    assert not first.is_older_than(first)


def test_a_list_of_another_key_is_forged(authority):
    forger = an_authority(public_key=key("other"), **authority.valid)
    with pytest.raises(UnusableMaterial, match="signature of the revocation list does not hold"):
        parse_crl(authority.crl(), forger, authority.now + MINUTE)


@pytest.mark.parametrize(
    ("made", "detail"),
    [
        ({"extensions": "2.5.29.27 = critical,DER:02:01:01"}, "critical extension 2.5.29.27"),
        (
            {
                "extensions": "issuingDistributionPoint = critical,@point",
                "point": "indirectCRL = TRUE",
            },
            "not a complete one",
        ),
        (
            {
                "extensions": "issuingDistributionPoint = critical,@point",
                "point": "onlysomereasons = keyCompromise",
            },
            "not a complete one",
        ),
    ],
)
def test_a_list_that_is_not_whole_is_refused(authority, made, detail):
    leaf = authority.issue("V")
    with pytest.raises(UnusableMaterial, match=detail):
        listed(authority, leaf, **made)


def test_a_list_for_authorities_says_nothing_of_a_leaf(authority):
    only = {"extensions": "issuingDistributionPoint = critical,@point", "point": "onlyCA = TRUE"}
    assert listed(authority, authority.issue("R"), **only) is Revocation.UNKNOWN
