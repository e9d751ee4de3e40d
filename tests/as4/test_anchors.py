"""The authorities we are given: which are anchors, and of which stage."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes

from as4.certificates import (
    Anchors,
    FailedAuthentication,
    UnusableMaterial,
    Use,
    check_certificate,
)
from tests.support.certificates import an_authority, ap_anchors, der, key, key_usage
from tests.support.pki import NOW, foreign_pki, leaf, pki


def refusal(name, anchors):
    with pytest.raises(FailedAuthentication) as caught:
        check_certificate(leaf(name).certificate_der, anchors=anchors, now=NOW, use=Use.SIGN)
    return caught.value.detail


def test_self_signed_files_are_roots_and_the_others_are_issuers():
    anchors = ap_anchors()
    assert anchors.roots == (pki().root.certificate,)
    assert anchors.issuers == (pki().ap_ca.certificate,)
    assert anchors.issuer_of(leaf("sender").certificate) == pki().ap_ca.certificate
    assert anchors.root_of(pki().ap_ca.certificate) == pki().root.certificate
    assert anchors.issuer_of(pki().ap_ca.certificate) is None


def test_a_root_alone_anchors_no_leaf():
    anchors = Anchors.load(pki().root.certificate_pem)
    assert "not issued by a trusted authority" in refusal("sender", anchors)
    assert "issued by the root itself" in refusal("direct-root", anchors)


def anchor_refusal(*files):
    with pytest.raises(UnusableMaterial) as caught:
        Anchors.load(*files)
    return str(caught.value)


def test_an_authority_of_another_root_is_refused():
    assert "is not issued by a given root" in anchor_refusal(
        pki().root.certificate_pem, foreign_pki().ap_ca.certificate_pem
    )
    assert "is not issued by a given root" in anchor_refusal(pki().ap_ca.certificate_pem)


@pytest.mark.parametrize(
    ("certificate", "detail"),
    [
        (lambda: leaf("sender").certificate, "is not a certificate of an authority"),
        (lambda: an_authority(usage=None), "does not allow keyCertSign"),
        (lambda: an_authority(usage=key_usage("crl_sign")), "does not allow keyCertSign"),
        (lambda: an_authority(digest=hashes.SHA224()), "weak digest"),
        (lambda: an_authority(public_key=key(bits=1024)), "no RSA key of an acceptable size"),
        (lambda: an_authority(public_key=key(bits=256)), "no RSA key of an acceptable size"),
        (lambda: an_authority("A root", signed_with=key("other")), "but not self-signed"),
        (
            lambda: an_authority("B CA", "A CA"),
            "CN=B CA is not issued by a given root",
        ),
    ],
)
def test_what_may_not_certify_others_is_no_anchor(certificate, detail):
    """[RFC5280 §4.2.1.3] [RFC5280 §4.2.1.9]"""
    files = [der(an_authority("A root")), der(an_authority()), der(certificate())]
    assert detail in anchor_refusal(*files)


def test_a_root_that_allows_no_authority_below_it_certifies_none():
    """The length of a path.  [RFC5280 §4.2.1.9]"""
    root = an_authority("A root", path_length=0)
    assert "CN=A root allows no authority below it" in anchor_refusal(
        der(root), der(an_authority())
    )


@pytest.mark.parametrize("data", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_a_file_that_holds_no_certificate_is_refused(data):
    assert "not a certificate in PEM or DER" in anchor_refusal(data)


@pytest.mark.captured
@pytest.mark.parametrize(("here", "there"), [("", "TEST_"), ("TEST_", "")])
@pytest.mark.parametrize("role", ["ACCESS_POINT", "SERVICE_METADATA_PUBLISHER"])
def test_the_authorities_of_generation_3_are_anchors_of_their_stage(test_data, here, there, role):
    def file(name, stage):
        return (test_data / "pki" / f"PEPPOL_{name}_{stage}CA-G3.pem").read_bytes()

    anchors = Anchors.load(file("Root", here), file(role, here))
    assert (len(anchors.roots), len(anchors.issuers)) == (1, 1)
    assert anchors.roots[0].not_valid_after_utc > datetime(2035, 1, 1, tzinfo=UTC)
    assert "is not issued by a given root" in anchor_refusal(file("Root", here), file(role, there))
