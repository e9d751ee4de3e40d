"""Certificates of any shape: valid leaves below "A CA" below "A root" unless told otherwise."""

from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from as4.certificates import Anchors
from tests.support.pki import NOW, SENDER, pki

DAY = timedelta(days=1)


@cache
def key(name="one", bits=2048):
    """Return a private key for *name*, made once: names that differ have different keys."""
    if bits == 256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def key_usage(*allowed):
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in allowed for name in names})


def name_of(*common_names):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common_names])


SUBJECT = name_of(SENDER)
ISSUER = name_of("A CA")
LEAF_USAGE = key_usage("digital_signature", "key_encipherment")
SHA256 = hashes.SHA256()


def a_certificate(
    *,
    subject=SUBJECT,
    issuer=ISSUER,
    public_key=None,
    signed_with=None,
    digest=SHA256,
    rsa_padding=None,
    ca=False,
    path_length=None,
    usage=LEAF_USAGE,
    start=NOW - DAY,
    end=NOW + DAY,
    extensions=(),
):
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key((public_key or key()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(signed_with or key("A CA"), digest, rsa_padding=rsa_padding)


def an_authority(name="A CA", issuer="A root", **changes):
    arguments = {
        "subject": name_of(name),
        "issuer": name_of(issuer),
        "public_key": key(name),
        "signed_with": key(issuer),
        "ca": True,
        "usage": key_usage("key_cert_sign", "crl_sign"),
        **changes,
    }
    return a_certificate(**arguments)


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


@cache
def ap_anchors():
    """The authorities above the access points of `tests.support.pki`."""
    return Anchors.load(pki().root.certificate_pem, pki().ap_ca.certificate_der)
