"""Revocation lists: which are believed, and what they say."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.certificates import (
    Revocation,
    UnusableMaterial,
    load_certificate,
    parse_crl,
    revocation_of,
)
from as4.certificates.revocation import CLOCK_SKEW, CRL_BYTES_MAX
from tests.support.books import a_crl
from tests.support.certificates import (
    DAY,
    a_certificate,
    an_authority,
    der,
    key,
    key_usage,
    name_of,
)
from tests.support.pki import NOW

CRL_URL = "http://crl.example/ap-ca.crl"
PKCS1 = padding.PKCS1v15()


def a_point(**changes):
    """Return an issuing distribution point that limits nothing but by *changes*."""
    arguments = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
        **changes,
    }
    return x509.IssuingDistributionPoint(**arguments)


def answer(certificate, data, *, now=NOW, issuer=None, **arguments):
    crl = parse_crl(data, issuer or an_authority(), NOW)
    return revocation_of(load_certificate(der(certificate)), crl, now, **arguments)


def crl_refusal(data, issuer=None, now=NOW):
    with pytest.raises(UnusableMaterial) as caught:
        parse_crl(data, issuer or an_authority(), now)
    return str(caught.value)


def test_a_list_says_who_was_revoked():
    good, revoked = a_certificate(), a_certificate()
    data = a_crl(revoked.serial_number, 17)
    assert answer(good, data) is Revocation.GOOD
    assert answer(revoked, data) is Revocation.REVOKED


def test_a_list_may_be_pem():
    data = x509.load_der_x509_crl(a_crl()).public_bytes(Encoding.PEM)
    assert answer(a_certificate(), data) is Revocation.GOOD


def test_a_list_carries_its_times():
    crl = parse_crl(a_crl(), an_authority(), NOW)
    assert (crl.this_update, crl.next_update) == (NOW - DAY, NOW + DAY)


def test_the_roots_list_speaks_of_the_authority():
    authority, root = an_authority(), an_authority("A root")
    data = a_crl(authority.serial_number, issuer="A root")
    assert answer(authority, data, issuer=root) is Revocation.REVOKED
    assert answer(an_authority(), data, issuer=root) is Revocation.GOOD


def test_another_issuers_list_knows_nothing():
    data = a_crl(issuer="A root")
    assert answer(a_certificate(), data, issuer=an_authority("A root")) is Revocation.UNKNOWN


def test_a_list_past_its_time_counts_for_the_grace_alone():
    good, revoked = a_certificate(), a_certificate()
    data = a_crl(revoked.serial_number)
    late = NOW + DAY + timedelta(hours=1)
    assert answer(good, data, now=NOW + DAY) is Revocation.GOOD
    assert answer(good, data, now=late) is Revocation.UNKNOWN
    assert answer(good, data, now=late, stale_grace=timedelta(hours=1)) is Revocation.GOOD
    assert answer(good, data, now=late, stale_grace=timedelta(minutes=59)) is Revocation.UNKNOWN
    assert answer(revoked, data, now=late) is Revocation.REVOKED


def test_a_list_for_one_kind_of_certificate_is_silent_on_the_other():
    """[RFC5280 §6.3.3]"""
    leaves = a_crl(extensions=[(a_point(only_contains_user_certs=True), True)])
    authorities = a_crl(extensions=[(a_point(only_contains_ca_certs=True), True)])
    below = an_authority("B CA", "A CA")
    assert answer(a_certificate(), leaves) is Revocation.GOOD
    assert answer(below, leaves) is Revocation.UNKNOWN
    assert answer(a_certificate(), authorities) is Revocation.UNKNOWN
    assert answer(below, authorities) is Revocation.GOOD


def test_a_part_of_a_list_speaks_only_of_certificates_that_name_it():
    """[RFC5280 §6.3.3]"""

    def published_at(url):
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
        return a_certificate(extensions=[(x509.CRLDistributionPoints([point]), False)])

    names = [x509.UniformResourceIdentifier(CRL_URL), x509.DNSName("crl.example")]
    data = a_crl(extensions=[(a_point(full_name=names), True)])
    assert answer(published_at(CRL_URL), data) is Revocation.GOOD
    assert answer(published_at("http://crl.example/part2.crl"), data) is Revocation.UNKNOWN
    assert answer(a_certificate(), data) is Revocation.UNKNOWN


def test_a_list_number_limits_nothing():
    assert answer(a_certificate(), a_crl(extensions=[(x509.CRLNumber(3), False)]))


@pytest.mark.parametrize(
    ("crl", "detail"),
    [
        ({"signed_with": key("other")}, "the signature of the revocation list does not hold"),
        ({"digest": hashes.SHA224()}, "is not signed with RSA and SHA-2"),
        ({"issuer": "A root"}, "is one of CN=A root, not of CN=A CA"),
        ({"this_update": NOW + DAY, "next_update": NOW + 2 * DAY}, "is from the future"),
        ({"extensions": [(x509.DeltaCRLIndicator(1), True)]}, "critical extension 2.5.29.27"),
        ({"extensions": [(a_point(indirect_crl=True), True)]}, "not a complete one"),
        (
            {"extensions": [(a_point(only_contains_attribute_certs=True), True)]},
            "not a complete one",
        ),
        (
            {
                "extensions": [
                    (
                        a_point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})),
                        True,
                    )
                ]
            },
            "not a complete one",
        ),
    ],
)
def test_a_list_we_cannot_rely_on_is_refused(crl, detail):
    assert detail in crl_refusal(a_crl(**crl))


@pytest.mark.parametrize("critical", [True, False])
def test_a_list_with_an_entry_of_another_issuer_is_refused(critical):
    """Entries that follow would be that issuer's too.  [RFC5280 §5.3.3]"""
    other = x509.CertificateIssuer([x509.DirectoryName(name_of("A root"))])
    entry = x509.RevokedCertificateBuilder().serial_number(5).revocation_date(NOW - DAY)
    data = a_crl(entries=[entry.add_extension(other, critical=critical).build()])
    assert "critical extension 2.5.29.29" in crl_refusal(data)


def test_the_reason_of_an_entry_limits_nothing():
    certificate = a_certificate()
    reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
    entry = entry.revocation_date(NOW - DAY).add_extension(reason, critical=False)
    assert answer(certificate, a_crl(entries=[entry.build()])) is Revocation.REVOKED


@pytest.mark.parametrize("oid", ["2a8648ce3d040302", "2b6570", "2a864886f70d01010a", "2a0304"])
def test_a_list_that_names_another_algorithm_is_refused(oid):
    """ECDSA, Ed25519, RSA-PSS without its parameters, and one that does not exist."""
    rsa = bytes.fromhex("300d06092a864886f70d01010b0500")
    name = bytes.fromhex(oid)
    pad = 15 - 4 - len(name) - 2
    other = bytes([0x30, 13, 0x06, len(name)]) + name + bytes([0x04, pad]) + bytes(pad)
    for count in (1, 2):
        assert crl_refusal(a_crl().replace(rsa, other, count))


def test_a_list_needs_an_issuer_that_may_sign_lists():
    assert "may not sign revocation lists" in crl_refusal(
        a_crl(), an_authority(usage=key_usage("key_cert_sign"))
    )
    assert parse_crl(a_crl(), an_authority(usage=None), NOW)


def test_a_list_signed_with_an_elliptic_curve_is_refused():
    authority = an_authority(public_key=key(bits=256))
    assert "RSA" in crl_refusal(a_crl(signed_with=key(bits=256)), authority)


def test_a_clock_that_is_a_little_fast_is_forgiven():
    assert parse_crl(a_crl(this_update=NOW), an_authority(), NOW - CLOCK_SKEW)
    assert "future" in crl_refusal(
        a_crl(this_update=NOW), now=NOW - CLOCK_SKEW - timedelta(seconds=1)
    )


def test_a_list_without_next_update_is_refused():
    data = a_crl()
    # [RFC5280 §5.1.2.5] demands it, and the builder writes it: cut the field out of the DER.
    place = data.index(b"\x17\x0d" + (NOW + DAY).strftime("%y%m%d%H%M%SZ").encode())
    without = bytearray(data[:place] + data[place + 15 :])
    # The outer sequence has a length of two bytes at 2, the list inside it one of one byte at 5.
    without[2:4] = (int.from_bytes(without[2:4], "big") - 15).to_bytes(2, "big")
    without[5] -= 15
    signature = key("A CA").sign(bytes(without[4 : 6 + without[5]]), PKCS1, hashes.SHA256())
    resigned = bytes(without[:-256]) + signature
    assert "does not say when the next one comes" in crl_refusal(resigned)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "not a certificate revocation list"),
        (b"x" * 50, "not a certificate revocation list"),
        (b"-----BEGIN X509 CRL-----\nx", "not a certificate revocation list"),
        (b"0" * (CRL_BYTES_MAX + 1), f"is larger than {CRL_BYTES_MAX} bytes"),
    ],
)
def test_what_is_no_list_is_refused(data, detail):
    assert detail in crl_refusal(data)


def test_a_signature_that_leaves_bits_out_is_refused():
    even = (a_crl(5, extensions=[(x509.CRLNumber(n), False)]) for n in range(1, 100))
    whole = next(each for each in even if each[-1] % 2 == 0)
    assert parse_crl(whole, an_authority(), NOW).number is not None
    unused = len(whole) - 257
    assert whole[unused] == 0
    partial = whole[:unused] + b"\x01" + whole[unused + 1 :]
    with pytest.raises(UnusableMaterial, match="whole bytes"):
        parse_crl(partial, an_authority(), NOW)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 600), value=st.integers(1, 255))
def test_no_damaged_list_is_believed(place, value):
    damaged = bytearray(a_crl(5, extensions=[(x509.CRLNumber(3), False)]))
    damaged[place % len(damaged)] ^= value
    with pytest.raises(UnusableMaterial):
        parse_crl(bytes(damaged), an_authority(), NOW)
