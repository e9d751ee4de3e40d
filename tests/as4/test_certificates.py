"""Certificates of the Peppol shape: what is read, and who may sign or be encrypted for."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import AuthorityInformationAccessOID
from hypothesis import given, settings
from hypothesis import strategies as st

from as4.certificates import (
    Anchors,
    FailedAuthentication,
    Use,
    check_certificate,
    load_certificate,
)
from as4.certificates.certificate import CERTIFICATE_BYTES_MAX, NO_KEY_USAGE
from tests.support.certificates import (
    DAY,
    a_certificate,
    an_authority,
    ap_anchors,
    der,
    key,
    key_usage,
    name_of,
    pem,
)
from tests.support.pki import NOW, RECEIVER, SENDER, leaf, pki


@cache
def some_anchors():
    return Anchors.load(pem(an_authority("A root")), der(an_authority()))


@cache
def smp_anchors():
    return Anchors.load(pki().root.certificate_pem + pki().smp_ca.certificate_pem)


def check(certificate, *, use=Use.SIGN, now=NOW, anchors=None):
    data = certificate if isinstance(certificate, bytes) else der(certificate)
    return check_certificate(data, anchors=anchors or some_anchors(), now=now, use=use)


def refusal(certificate, **arguments):
    with pytest.raises(FailedAuthentication) as caught:
        check(certificate, **arguments)
    assert caught.value.code == "EBMS:0101"
    return caught.value.detail


def test_a_certificate_is_read_into_its_values():
    """The subject in its order and form.  [RFC4514 §2]"""
    identity = leaf("sender")
    certificate = load_certificate(identity.certificate_der)
    assert certificate.der == identity.certificate_der
    assert certificate.subject_cn == SENDER
    assert certificate.subject.startswith(f"CN={SENDER},")
    assert certificate.issuer_cn == "Sandbox Access Point CA"
    assert certificate.serial == identity.certificate.serial_number
    assert certificate.fingerprint == identity.certificate.fingerprint(hashes.SHA256())
    assert certificate.public_key == identity.key.public_key()
    assert certificate.not_before < NOW < certificate.not_after
    assert certificate.not_before.tzinfo is not None
    assert certificate.warnings == ()
    assert certificate.x509 == identity.certificate


def test_addresses_of_revocation_answers_are_read():
    """Lists and responders.  [RFC5280 §4.2.1.13] [RFC5280 §4.2.2.1]"""

    def full(*names):
        return x509.DistributionPoint(
            [x509.UniformResourceIdentifier(n) for n in names], *[None] * 3
        )

    other = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://x")],
        None,
        frozenset({x509.ReasonFlags.key_compromise}),
        None,
    )
    relative = x509.DistributionPoint(
        None, name_of("x").rdns[0], None, [x509.DirectoryName(name_of("A CA"))]
    )
    folder = x509.DistributionPoint([x509.DirectoryName(name_of("A CA"))], None, None, None)
    points = [full("http://a", "http://b"), full("http://c"), other, relative, folder]
    places = [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp")
        ),
        x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca")
        ),
        x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.DNSName("ocsp")),
    ]
    extensions = [
        (x509.CRLDistributionPoints(points), False),
        (x509.AuthorityInformationAccess(places), False),
    ]
    certificate = load_certificate(der(a_certificate(extensions=extensions)))
    assert certificate.crl_urls == ("http://a", "http://b", "http://c")
    assert certificate.ocsp_urls == ("http://ocsp",)
    bare = load_certificate(der(a_certificate()))
    assert (bare.crl_urls, bare.ocsp_urls) == ((), ())


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "the certificate cannot be read"),
        (b"x" * 100, "the certificate cannot be read"),
        (b"0" * (CERTIFICATE_BYTES_MAX + 1), "the certificate is larger than 16384 bytes"),
    ],
)
def test_what_is_no_certificate_is_refused(data, detail):
    with pytest.raises(FailedAuthentication) as caught:
        load_certificate(data)
    assert caught.value.detail == detail


def test_pem_is_not_a_token():
    with pytest.raises(FailedAuthentication, match="cannot be read"):
        load_certificate(leaf("sender").certificate_pem)


def test_bytes_behind_a_certificate_are_refused():
    with pytest.raises(FailedAuthentication, match="cannot be read"):
        load_certificate(leaf("sender").certificate_der + b"\0")


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(1, 255))
def test_no_damage_escapes_the_two_ways_out(place, value):
    damaged = bytearray(leaf("sender").certificate_der)
    damaged[place % len(damaged)] ^= value
    with pytest.raises(FailedAuthentication):
        check(bytes(damaged), anchors=ap_anchors())


@pytest.mark.parametrize("name", ["sender", "receiver", "third", "expired", "foreign", "bad-cn"])
def test_a_signature_of_less_than_whole_bytes_is_refused(name):
    damaged = bytearray(leaf(name).certificate_der)
    signature = x509.load_der_x509_certificate(bytes(damaged)).signature
    damaged[-len(signature) - 1] = 1
    with pytest.raises(FailedAuthentication, match=r"whole bytes|cannot be read"):
        load_certificate(bytes(damaged))


# Who may do what.


@pytest.mark.parametrize("use", [Use.SIGN, Use.ENCRYPT])
def test_an_access_point_below_the_given_authority_is_good(use):
    assert check(leaf("sender").certificate_der, anchors=ap_anchors(), use=use).subject_cn == SENDER


def test_a_publisher_is_good_below_its_own_authority_alone():
    publisher = leaf("publisher").certificate_der
    assert check(publisher, anchors=smp_anchors(), use=Use.SMP).subject_cn == "PSM000001"
    assert "not issued by a trusted authority" in refusal(
        publisher, anchors=ap_anchors(), use=Use.SMP
    )
    assert "not issued by a trusted authority" in refusal(
        leaf("sender").certificate_der, anchors=smp_anchors(), use=Use.SMP
    )


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("expired", "the certificate of PBE000001 expired at"),
        ("not-yet-valid", "the certificate of PBE000001 is not valid before"),
        ("foreign", "is not issued by a trusted authority but by CN=Sandbox Access Point CA"),
        ("bad-cn", "the certificate of ap.example: its common name is not a seat id"),
        ("encipher-only", "does not allow digitalSignature"),
        ("direct-root", "is issued by the root itself"),
        ("publisher-as-ap", "but by CN=Sandbox Service Metadata Publisher CA"),
    ],
)
def test_a_sender_with_a_fault_is_refused_by_name(name, detail):
    assert detail in refusal(leaf(name).certificate_der, anchors=ap_anchors())


def test_key_usage_goes_by_what_the_certificate_is_for():
    """[RFC5280 §4.2.1.3]"""
    sign_only, seal_only = leaf("sign-only"), leaf("encipher-only")
    assert check(sign_only.certificate_der, anchors=ap_anchors(), use=Use.SIGN)
    assert check(seal_only.certificate_der, anchors=ap_anchors(), use=Use.ENCRYPT)
    assert "does not allow keyEncipherment" in refusal(
        sign_only.certificate_der, anchors=ap_anchors(), use=Use.ENCRYPT
    )
    assert "does not allow digitalSignature" in refusal(
        a_certificate(usage=key_usage("key_encipherment")), use=Use.SMP
    )


@pytest.mark.parametrize("use", [Use.SIGN, Use.ENCRYPT])
def test_no_key_usage_at_all_is_a_warning(use):
    certificate = check(leaf("no-key-usage").certificate_der, anchors=ap_anchors(), use=use)
    assert certificate.warnings == (NO_KEY_USAGE,)


def test_extended_key_usage_is_not_asked_for():
    other = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CODE_SIGNING])
    assert check(a_certificate(extensions=[(other, True)]))


@pytest.mark.parametrize(
    "common_names", [[], ["ap.example"], ["pbe000001"], [f"{SENDER} "], [SENDER, RECEIVER]]
)
def test_an_access_point_needs_exactly_one_seat_id(common_names):
    certificate = a_certificate(subject=name_of(*common_names))
    assert "not a seat id" in refusal(certificate)
    assert "not a seat id" in refusal(certificate, use=Use.ENCRYPT)
    assert check(certificate, use=Use.SMP)


def test_an_unknown_critical_extension_is_refused_and_an_uncritical_one_is_not():
    """[RFC5280 §4.2]"""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert "critical extension 1.2.3.4" in refusal(a_certificate(extensions=[(unknown, True)]))
    assert check(a_certificate(extensions=[(unknown, False)]))


def test_the_certificate_of_an_authority_signs_no_message():
    assert "is that of an authority" in refusal(a_certificate(ca=True))


def test_a_certificate_without_basic_constraints_is_a_leaf():
    """[RFC5280 §4.2.1.9]"""
    identity = leaf("direct-root")
    assert "is issued by the root itself" in refusal(identity.certificate_der, anchors=ap_anchors())
    bare = (
        x509.CertificateBuilder()
        .subject_name(name_of(SENDER))
        .issuer_name(name_of("A CA"))
        .public_key(key().public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key("A CA"), hashes.SHA256())
    )
    assert check(bare).warnings == (NO_KEY_USAGE,)


@pytest.mark.parametrize("digest", [hashes.SHA384(), hashes.SHA512()])
def test_longer_digests_are_good(digest):
    assert check(a_certificate(digest=digest))


def test_the_probabilistic_padding_is_good():
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    assert check(a_certificate(rsa_padding=pss))


def test_weak_digests_are_refused():
    assert "weak digest" in refusal(a_certificate(digest=hashes.SHA224()))


def test_unknown_signature_algorithms_are_refused():
    sha256_with_rsa = bytes.fromhex("2a864886f70d01010b")
    unknown = bytes.fromhex("2a864886f70d01017f")
    data = der(a_certificate()).replace(sha256_with_rsa, unknown)
    assert "weak digest" in refusal(data)


def test_short_keys_are_refused():
    assert "unacceptable size" in refusal(a_certificate(public_key=key(bits=1024)))


def test_keys_that_are_not_rsa_are_refused():
    assert "not an RSA key" in refusal(a_certificate(public_key=key(bits=256)))


def test_a_signature_by_another_key_of_the_same_name_is_refused():
    assert "not issued by a trusted authority" in refusal(a_certificate(signed_with=key("other")))


@pytest.mark.parametrize(
    ("moment", "good"),
    [(-timedelta(seconds=1), False), (timedelta(0), True)],
)
def test_validity_is_to_the_second(moment, good):
    """[RFC5280 §6.1]"""
    certificate = a_certificate(start=NOW, end=NOW + DAY)
    for now in (NOW + moment, NOW + DAY - moment):
        if good:
            assert check(certificate, now=now)
        else:
            assert "valid before" in refusal(certificate, now=now) or "expired" in refusal(
                certificate, now=now
            )


@pytest.mark.parametrize("whose", ["authority", "root"])
@pytest.mark.parametrize(
    ("start", "end", "detail"),
    [(NOW - 2 * DAY, NOW - DAY, "expired at"), (NOW + DAY, NOW + 2 * DAY, "is not valid before")],
)
def test_every_certificate_of_the_path_must_be_valid(whose, start, end, detail):
    """[RFC5280 §6.1]"""
    dates = {"start": start, "end": end}
    root = an_authority("A root", **(dates if whose == "root" else {}))
    issuer = an_authority(**(dates if whose == "authority" else {}))
    anchors = Anchors.load(der(root), der(issuer))
    message = refusal(a_certificate(), anchors=anchors)
    assert detail in message
    assert message.startswith("the root" if whose == "root" else "the authority of")


def test_two_authorities_of_one_name_both_count():
    renewed = an_authority(public_key=key("renewed"))
    anchors = Anchors.load(der(an_authority("A root")), der(renewed), der(an_authority()))
    assert check(a_certificate(), anchors=anchors)
    assert check(a_certificate(signed_with=key("renewed")), anchors=anchors)


def test_an_authority_whose_root_is_gone_certifies_nobody():
    anchors = Anchors(roots=(), issuers=(an_authority(),))
    assert "not certified by a trusted root" in refusal(a_certificate(), anchors=anchors)


@pytest.mark.captured
@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("PBE000001", None),
        ("PBE000002", None),
        ("no-key-usage", None),
        ("bad-cn", "not a seat id"),
        ("direct-root", "issued by the root itself"),
        ("encipher-only", "does not allow digitalSignature"),
        ("expired", "expired at"),
        ("untrusted", "not issued by a trusted authority"),
    ],
)
def test_captured_certificates_are_judged_as_expected(test_data, name, detail):
    folder = test_data / "phase4-captured" / "pki"
    anchors = Anchors.load(*((folder / f"{n}.cert.pem").read_bytes() for n in ("root", "inter")))
    data = der(x509.load_pem_x509_certificate((folder / f"{name}.cert.pem").read_bytes()))
    captured_at = datetime(2026, 11, 22, tzinfo=UTC)
    if detail is None:
        assert check(data, anchors=anchors, now=captured_at)
    else:
        assert detail in refusal(data, anchors=anchors, now=captured_at)
