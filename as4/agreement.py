"""Key agreement of the eDelivery AS4 profile 2.0: X25519, then HKDF, then AES key wrap.

    shared secret   X25519 of an ephemeral key, made for one message, and the recipient's key
    wrapping key    HKDF of it with SHA-256, 16 bytes
    wrapped key     the content key under AES-128 key wrap, 24 bytes

What travels beside the wrapped key (ephemeral public key, salt, info) is not signed and not
secret; whatever it is, opening fails in one way.  [RFC7748 §6.1] [RFC5869 §2] [RFC3394 §2.2]
The XML that names algorithms and keys is written and read by `as4.wssec.keyagreement`.
"""

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from as4.xmlenc import KEY_BYTES

POINT_BYTES = 32
SALT_BYTES = 32
SEED_BYTES = POINT_BYTES + SALT_BYTES
"""What `wrap_key` takes: the ephemeral private key, and the salt, which is as long as the hash."""
WRAPPED_BYTES = KEY_BYTES + 8

# A SubjectPublicKeyInfo of X25519 has one form: this, and the point.  [RFC8410 §4]
_KEY_INFO_START = bytes.fromhex("302a300506032b656e032100")
_BASE_POINT = bytes([9]).ljust(POINT_BYTES, b"\0")
_WRAPS_NOTHING = bytes(WRAPPED_BYTES)


class Originator(NamedTuple):
    """What the recipient needs beside the private key: *key* is a SubjectPublicKeyInfo in DER."""

    key: bytes
    salt: bytes
    info: bytes


def wrap_key(content_key: bytes, recipient: object, seed: bytes) -> tuple[bytes, Originator]:
    """Return *content_key* wrapped for the owner of the public key *recipient*.

    *seed* (64 bytes) must be fresh: it is the ephemeral key and the salt.
    Raises TypeError if *recipient* is not X25519, ValueError if nobody can agree with it.
    """
    if not isinstance(recipient, X25519PublicKey):
        raise TypeError(f"x25519 needs an X25519 key, not {type(recipient).__name__}")
    if len(seed) != SEED_BYTES or len(content_key) != KEY_BYTES:
        found = f"seed of {len(seed)} and key of {len(content_key)} bytes"
        raise ValueError(f"{found} instead of {SEED_BYTES} and {KEY_BYTES}")
    ephemeral = X25519PrivateKey.from_private_bytes(seed[:POINT_BYTES])
    point = ephemeral.public_key().public_bytes_raw()
    originator = Originator(_KEY_INFO_START + point, seed[POINT_BYTES:], b"")
    wrapping_key = _derive(ephemeral.exchange(recipient), originator)
    return aes_key_wrap(wrapping_key, content_key), originator


def unwrap_key(
    wrapped: bytes, private_key: X25519PrivateKey, originator: Originator, *, random_key: bytes
) -> bytes:
    """Return the content key in *wrapped*, or *random_key* when it cannot be opened.

    There is no error: the random key leads to the failure that a wrong tag gives, on the same
    path and with the same work, whether a point is no point or leads to a secret that everybody
    knows, or the wrapped key is of another length.  [XMLENC §6.1] [RFC7748 §6.1]
    *random_key* is 16 bytes drawn by the caller for this one call.
    """
    start, point = originator.key[:-POINT_BYTES], originator.key[-POINT_BYTES:]
    sound = start == _KEY_INFO_START
    secret = bytes(POINT_BYTES)
    try:
        secret = private_key.exchange(
            X25519PublicKey.from_public_bytes(point if sound else _BASE_POINT)
        )
    except ValueError:  # the secret is zero, which the sender of such a point knows
        sound = False
    fits = len(wrapped) == WRAPPED_BYTES
    try:
        content_key = aes_key_unwrap(
            _derive(secret, originator), wrapped if fits else _WRAPS_NOTHING
        )
    except InvalidUnwrap:
        return random_key
    return content_key if sound and fits else random_key


def _derive(secret: bytes, originator: Originator) -> bytes:
    hkdf = HKDF(SHA256(), KEY_BYTES, originator.salt or None, originator.info or None)
    return hkdf.derive(secret)
