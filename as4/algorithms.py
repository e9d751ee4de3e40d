"""The algorithms a message may use: a closed list of URIs, gathered in an `AlgorithmSuite`.

A suite is a value of the P-Mode and brings its parts: how to sign and verify, how the content key
travels, what keys the certificates hold; see `as4.suites`.
What a message names is compared with the suite as an exact string, never interpreted, so that an
algorithm outside it cannot be reached.  [PEPPOL-AS4 §2] [EDELIVERY-AS4 §3]
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from lxml import etree

from as4.certificates import KeyKinds, PrivateKey
from as4.namespaces import MORE21

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_OAEP = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
MGF1_SHA256 = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
AES128_GCM = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
ED25519 = f"{MORE21}eddsa-ed25519"
X25519 = f"{MORE21}x25519"
HKDF = f"{MORE21}hkdf"
HMAC_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
AES128_KEY_WRAP = "http://www.w3.org/2001/04/xmlenc#kw-aes128"

# How an attachment is signed, encrypted and named inside wsse:Security.  [WSS-SWA §5]
_SWA = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
ATTACHMENT_CONTENT_SIGNATURE = f"{_SWA}Attachment-Content-Signature-Transform"
ATTACHMENT_CIPHERTEXT = f"{_SWA}Attachment-Ciphertext-Transform"
ATTACHMENT_CONTENT_ONLY = f"{_SWA}Attachment-Content-Only"

# What a BinarySecurityToken holds and how it is written.  [WSS-X509 §3.1] [WSS §6.3]
_WSS10 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
X509_V3 = f"{_WSS10}x509-token-profile-1.0#X509v3"
BASE64_BINARY = f"{_WSS10}soap-message-security-1.0#Base64Binary"
ENCRYPTED_KEY_TOKEN = (
    "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey"  # noqa: S105 - a URI, not a secret
)

_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()

# The points of Ed25519 whose order divides 8, without the sign: for such a key, anybody can make
# a signature that holds for any data.
_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class EncryptedKey(NamedTuple):
    """The attachment's key: *wrapped* for the owner of the certificate *recipient* (DER).

    *parameters* are what the owner needs beside the private key, as the suite's method has them.
    """

    recipient: bytes
    wrapped: bytes
    parameters: tuple[bytes, ...] = ()


class KeyParts(NamedTuple):
    """The elements of an xenc:EncryptedKey that every method has, and the method's parameters."""

    token_reference: etree._Element
    value: etree._Element
    data_reference: etree._Element | None
    parameters: tuple[bytes, ...]


class KeyMethod(Protocol):
    """How the content key of an attachment travels to its recipient."""

    @property
    def seed_bytes(self) -> int:
        """How many fresh bytes `wrap` takes."""

    def find_parts(self, key: etree._Element) -> KeyParts:
        """Read the EncryptedKey *key*; raises PolicyNoncompliance for any other method."""

    def check(self, parameters: tuple[bytes, ...]) -> None:
        """Raise PolicyNoncompliance for *parameters* that no message may have."""

    def describe(self, token_reference: str, parameters: tuple[bytes, ...]) -> str:
        """Return EncryptionMethod and KeyInfo of an EncryptedKey.

        *token_reference* is the content of ds:KeyInfo that names the recipient's certificate.
        """

    def wrap(
        self, content_key: bytes, recipient: object, seed: bytes
    ) -> tuple[bytes, tuple[bytes, ...]]:
        """Return *content_key* for the owner of the public key *recipient*, and the parameters.

        Raises TypeError for a key of another kind, ValueError for a *seed* of another length.
        """

    def unwrap(self, key: EncryptedKey, private_key: PrivateKey, *, random_key: bytes) -> bytes:
        """Return the content key in *key*, or *random_key* when it cannot be opened.

        There is no error, and no shorter way to it: see `xmlenc.unwrap_key`.
        """


@dataclass(frozen=True, slots=True)
class AlgorithmSuite:
    """One algorithm for each task; a message that names any other is refused.

    *sign* (private key, data) and *is_signature* (public key, value, data) work by *signature*,
    *content_key* carries the key of the attachment, and *kinds* are the keys of certificates.
    """

    name: str
    canonicalization: str
    digest: str
    signature: str
    data_encryption: str
    sign: Callable[[object, bytes], bytes]
    is_signature: Callable[[object, bytes, bytes], bool]
    content_key: KeyMethod
    kinds: KeyKinds


def sign(key: object, data: bytes) -> bytes:
    """Return the rsa-sha256 signature of *data* by the private *key*; TypeError if it is not RSA.

    [XMLDSIG §6.4.2]
    """
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"rsa-sha256 needs an RSA key, not {type(key).__name__}")
    return key.sign(data, _PKCS1, _SHA256)


def is_signature(public_key: object, signature: bytes, data: bytes) -> bool:
    """Tell whether *signature* is the rsa-sha256 signature of *data* by the owner of *public_key*.

    A key of another kind signed nothing by this algorithm.  [XMLDSIG §6.4.2]
    """
    if not isinstance(public_key, rsa.RSAPublicKey):
        return False
    try:
        public_key.verify(signature, data, _PKCS1, _SHA256)
    except InvalidSignature:
        return False
    return True


def sign_ed25519(key: object, data: bytes) -> bytes:
    """Return the Ed25519 signature of *data* by the private *key*; TypeError if it is no such key.

    [RFC8032 §5.1.6] [RFC9231 §2.3]
    """
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise TypeError(f"eddsa-ed25519 needs an Ed25519 key, not {type(key).__name__}")
    return key.sign(data)


def is_ed25519_signature(public_key: object, signature: bytes, data: bytes) -> bool:
    """Tell whether *signature* is the Ed25519 signature of *data* by the owner of *public_key*.

    Each signature has one form: the library refuses an S that is not below the order of the base
    point, and compares R byte by byte.  A key of small order signed nothing.  [RFC8032 §5.1.7]
    """
    if not isinstance(public_key, ed25519.Ed25519PublicKey):
        return False
    raw = public_key.public_bytes_raw()
    if raw[:-1] + bytes([raw[-1] & 0x7F]) in _SMALL_ORDER:
        return False
    try:
        public_key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
