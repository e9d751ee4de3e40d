"""Which keys the certificates of a suite hold, how strong they are, and who may have signed them.

Two values stand beside each other: `RSA_KEYS`, where one key signs and is encrypted for, and
`CURVE_KEYS`, where Ed25519 signs and X25519 agrees on a key, each with a certificate of its own.
[PEPPOL-PKI] [RFC8410 §3] [RFC8410 §5]
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509.oid import SignatureAlgorithmOID

# Generation 3 uses 2,048 bits in leaves and 4,096 in authorities.  [PEPPOL-PKI]
KEY_BITS_MIN = 2048
# LIMIT: a larger key only serves to make verification slow.
KEY_BITS_MAX = 8192

PublicKey = RSAPublicKey | Ed25519PublicKey | X25519PublicKey
PrivateKey = RSAPrivateKey | Ed25519PrivateKey | X25519PrivateKey
Signed = x509.Certificate | x509.CertificateRevocationList

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that are no certificate or revocation list."""


@dataclass(frozen=True, slots=True)
class KeyKinds:
    """The keys of leaves and of the authorities above them; the names are what to call them.

    *signer* is the type of a public key that signs messages, *recipient* of one that they are
    encrypted for, which the key usage *recipient_usage* allows, as *may_receive* reads it;
    *has_strong_authority* judges the public key of an authority, *is_well_signed* the signature of
    a certificate.
    """

    name: str
    authority_name: str
    signer: type[PublicKey]
    recipient: type[PublicKey]
    recipient_usage: str
    may_receive: Callable[[x509.KeyUsage], bool]
    has_strong_authority: Callable[[object], bool]
    is_well_signed: Callable[[x509.Certificate], bool]


def has_strong_key(public_key: object) -> bool:
    """Say whether *public_key* is an RSA key of an acceptable size."""
    return (
        isinstance(public_key, RSAPublicKey) and KEY_BITS_MIN <= public_key.key_size <= KEY_BITS_MAX
    )


def has_strong_digest(signed: Signed) -> bool:
    """Say whether what *signed* was signed with is of the SHA-2 family, 256 bits or more."""
    try:
        return isinstance(signed.signature_hash_algorithm, (SHA256, SHA384, SHA512))
    except UNREADABLE:
        return False


def _has_strong_key_or_curve(public_key: object) -> bool:
    return isinstance(public_key, Ed25519PublicKey) or has_strong_key(public_key)


def _is_signed_by_curve_or_digest(signed: x509.Certificate) -> bool:
    by_curve = signed.signature_algorithm_oid == SignatureAlgorithmOID.ED25519
    return by_curve or has_strong_digest(signed)


RSA_KEYS = KeyKinds(
    name="an RSA key",
    authority_name="RSA key",
    signer=RSAPublicKey,
    recipient=RSAPublicKey,
    recipient_usage="keyEncipherment",
    may_receive=attrgetter("key_encipherment"),
    has_strong_authority=has_strong_key,
    is_well_signed=has_strong_digest,
)
"""The keys of the Peppol PKI, generation 3."""

CURVE_KEYS = KeyKinds(
    name="an Ed25519 or X25519 key",
    authority_name="Ed25519 key, nor an RSA key",
    signer=Ed25519PublicKey,
    recipient=X25519PublicKey,
    recipient_usage="keyAgreement",
    may_receive=attrgetter("key_agreement"),
    has_strong_authority=_has_strong_key_or_curve,
    is_well_signed=_is_signed_by_curve_or_digest,
)
"""The keys of the eDelivery AS4 profile 2.0, below an authority on that curve or with RSA."""
