"""Our own private key with its certificate, from PEM or PKCS#12."""

from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
    pkcs12,
)

from as4.certificates.certificate import Certificate, load_certificate
from as4.certificates.kinds import CURVE_KEYS, RSA_KEYS, KeyKinds, PrivateKey, has_strong_key
from as4.errors import FailedAuthentication, UnusableMaterial


class Signer(Protocol):
    """Whoever signs: a private key, of the kind that the suite signs with, and its certificate."""

    @property
    def key(self) -> PrivateKey:
        """The private key."""

    @property
    def certificate(self) -> Certificate:
        """The certificate of its public key."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and the certificate of its public key."""

    key: RSAPrivateKey
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class CurvePair:
    """A private key on Curve25519, which signs or agrees, and the certificate of its public key."""

    key: Ed25519PrivateKey | X25519PrivateKey
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
    key, certificates = _read(data, password)
    if not isinstance(key, RSAPrivateKey) or not has_strong_key(key.public_key()):
        raise UnusableMaterial("there is no RSA private key of an acceptable size")
    return key, _find_certificate(key, certificates, RSA_KEYS)


def load_curve_pair(data: bytes, password: bytes | None = None) -> CurvePair:
    """Read an Ed25519 or X25519 key and its certificate; else as `load_key_pair`.  [RFC8410 §7]"""
    key, certificate = load_curve_key(data, password)
    if certificate is None:
        raise UnusableMaterial("there is no certificate of this private key")
    return CurvePair(key, certificate)


def load_curve_key(
    data: bytes, password: bytes | None = None
) -> tuple[Ed25519PrivateKey | X25519PrivateKey, Certificate | None]:
    """Read a key, and its certificate where *data* holds one; else as `load_curve_pair`."""
    key, certificates = _read(data, password)
    if not isinstance(key, (Ed25519PrivateKey, X25519PrivateKey)):
        raise UnusableMaterial("there is no Ed25519 or X25519 private key")
    return key, _find_certificate(key, certificates, CURVE_KEYS)


def _read(data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    try:
        if b"-----BEGIN" in data:
            return _read_pem(data, password)
        return _read_pkcs12(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise UnusableMaterial(f"the key cannot be read: {exc}") from exc


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


def _find_certificate(
    key: PrivateKey, candidates: list[x509.Certificate], kinds: KeyKinds
) -> Certificate | None:
    public_key = key.public_key()
    for candidate in candidates:
        if candidate.public_key() == public_key:
            try:
                return load_certificate(candidate.public_bytes(Encoding.DER), kinds)
            except FailedAuthentication as exc:
                raise UnusableMaterial(exc.detail) from exc
    return None
