"""Our own key and certificate, from the files operators have."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from as4.certificates import UnusableMaterial, load_key_pair
from tests.support.certificates import a_certificate, key, pem
from tests.support.pki import SENDER, leaf, pki


def pair_refusal(data, password=None):
    with pytest.raises(UnusableMaterial) as caught:
        load_key_pair(data, password)
    return str(caught.value)


def pkcs8(private_key, password=None):
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def test_key_and_certificate_come_in_any_order_with_others_between():
    identity = leaf("sender")
    blocks = [identity.key_pem, pki().ap_ca.certificate_pem, identity.certificate_pem]
    for data in (b"".join(blocks), b"\n".join(reversed(blocks))):
        pair = load_key_pair(data)
        assert pair.key.public_key() == pair.certificate.public_key
        assert pair.certificate.subject_cn == SENDER
        assert load_key_pair(data, b"a password for another file").certificate == pair.certificate


def test_a_pem_key_may_have_a_password():
    identity = leaf("sender")
    data = pkcs8(identity.key, b"secret") + identity.certificate_pem
    assert load_key_pair(data, b"secret").certificate.subject_cn == SENDER
    assert "the key cannot be read" in pair_refusal(data, b"wrong")
    assert "the key cannot be read" in pair_refusal(data)


def test_a_pkcs12_file_has_both():
    identity = leaf("sender")
    data = identity.pkcs12("secret", [pki().ap_ca.certificate, pki().root.certificate])
    assert load_key_pair(data, b"secret").certificate.subject_cn == SENDER
    assert "the key cannot be read" in pair_refusal(data, b"wrong")
    assert "the key cannot be read" in pair_refusal(data)


def test_what_is_missing_is_named():
    identity = leaf("sender")
    no_certificate = "there is no certificate of this private key"
    assert pair_refusal(identity.key_pem) == no_certificate
    assert pair_refusal(identity.key_pem + leaf("third").certificate_pem) == no_certificate
    assert "the key cannot be read" in pair_refusal(identity.certificate_pem)
    assert "the key cannot be read" in pair_refusal(b"junk")
    lonely = pkcs12.serialize_key_and_certificates(b"x", identity.key, None, None, NoEncryption())
    assert pair_refusal(lonely) == no_certificate


def test_a_weak_or_foreign_kind_of_key_is_refused():
    for private_key in (key(bits=1024), key(bits=256)):
        certificate = a_certificate(public_key=private_key)
        detail = pair_refusal(pkcs8(private_key) + pem(certificate))
        assert detail == "there is no RSA private key of an acceptable size"


def test_a_certificate_of_ours_that_peers_could_not_read_is_refused():
    filler = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.2.3.4"), b"\x04\x82\x50\x00" + b"x" * 0x5000
    )
    large = a_certificate(extensions=[(filler, False)])
    assert "is larger than" in pair_refusal(pkcs8(key()) + pem(large))
