"""Our own private key with its certificate, from PEM or PKCS#12."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
    pkcs12,
)

from as4.certificates.certificate import Certificate, has_strong_key, load_certificate
from as4.errors import FailedAuthentication, UnusableMaterial


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and the certificate of its public key."""

    key: RSAPrivateKey
    certificate: Certificate


def load_key_pair(data: bytes, password: bytes | None = None) -> KeyPair:
    """Read a key and its certificate from *data*: PKCS#12, or PEM blocks in any order.

    Where *data* holds several certificates, that of the key is taken.
    Raises UnusableMaterial when something is missing, wrong, weak, or *password* does not fit.
    """
    key, certificate = load_key(data, password)
    if certificate is None:
        raise UnusableMaterial("there is no certificate of this private key")
    return KeyPair(key, certificate)


def load_key(
    data: bytes, password: bytes | None = None
) -> tuple[RSAPrivateKey, Certificate | None]:
    """Read a key, and its certificate where *data* holds one; else as `load_key_pair`."""
    try:
        if b"-----BEGIN" in data:
            key, certificates = _read_pem(data, password)
        else:
            key, certificates = _read_pkcs12(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise UnusableMaterial(f"the key cannot be read: {exc}") from exc
    if not isinstance(key, RSAPrivateKey) or not has_strong_key(key.public_key()):
        raise UnusableMaterial("there is no RSA private key of an acceptable size")
    return key, _find_certificate(key, certificates)


def _read_pem(data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    # A password for a key that is not encrypted is refused by the library; operators give one
    # password for all of their files.
    encrypted = b"ENCRYPTED" in data
    key = load_pem_private_key(data, password if encrypted else None)
    certificates = x509.load_pem_x509_certificates(data) if b"BEGIN CERT" in data else []
    return key, certificates


def _read_pkcs12(data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    key, certificate, others = pkcs12.load_key_and_certificates(data, password)
    return key, [*others, certificate] if certificate is not None else list(others)


def _find_certificate(key: RSAPrivateKey, candidates: list[x509.Certificate]) -> Certificate | None:
    public_key = key.public_key()
    for candidate in candidates:
        if candidate.public_key() == public_key:
            try:
                return load_certificate(candidate.public_bytes(Encoding.DER))
            except FailedAuthentication as exc:
                raise UnusableMaterial(exc.detail) from exc
    return None
