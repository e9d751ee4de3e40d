"""The algorithms a message may use: a closed list of URIs, gathered in an `AlgorithmSuite`.

A suite is a value of the P-Mode.
What a message names is compared with the suite as an exact string, never interpreted, so that an
algorithm outside it cannot be reached.  [PEPPOL-AS4 §2] [EDELIVERY-AS4 §3]
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_OAEP = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
MGF1_SHA256 = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
AES128_GCM = "http://www.w3.org/2009/xmlenc11#aes128-gcm"

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


@dataclass(frozen=True, slots=True)
class AlgorithmSuite:
    """One algorithm for each task; a message that names any other is refused."""

    name: str
    canonicalization: str
    digest: str
    signature: str
    key_transport: str
    key_transport_digest: str
    key_transport_mgf: str
    data_encryption: str
    content_key_bytes: int


EDELIVERY_1 = AlgorithmSuite(
    name="edelivery-1-rsa",
    canonicalization=EXCLUSIVE_C14N,
    digest=SHA256,
    signature=RSA_SHA256,
    key_transport=RSA_OAEP,
    key_transport_digest=SHA256,
    key_transport_mgf=MGF1_SHA256,
    data_encryption=AES128_GCM,
    content_key_bytes=16,
)
"""The suite of the Peppol AS4 profile 2.0, which is that of the eDelivery AS4 profile 1.x."""


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
