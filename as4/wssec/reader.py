"""Read a wsse:Security header, and refuse whatever the profile does not use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from lxml import etree

from as4 import xmldsig
from as4.algorithms import (
    ATTACHMENT_CIPHERTEXT,
    ATTACHMENT_CONTENT_ONLY,
    BASE64_BINARY,
    X509_V3,
    AlgorithmSuite,
)
from as4.contentmodel import Exact, Model, Shape, leaf_bytes, local_name
from as4.envelope import Envelope, Ids
from as4.errors import PolicyNoncompliance
from as4.namespaces import DS, WSSE, WSU, XENC, XENC11, qname
from as4.xmldsig import Signature

# LIMIT: certificates in one header; two are used, some peers add the chain.
TOKENS_MAX = 8

_TOKEN = qname(WSSE, "BinarySecurityToken")
_STR = qname(WSSE, "SecurityTokenReference")
_TOKEN_REFERENCE = qname(WSSE, "Reference")
_TIMESTAMP = qname(WSU, "Timestamp")
_SIGNATURE = qname(DS, "Signature")
_KEY_INFO = qname(DS, "KeyInfo")
_DIGEST_METHOD = qname(DS, "DigestMethod")
_TRANSFORM = qname(DS, "Transform")
_ENCRYPTED_KEY = qname(XENC, "EncryptedKey")
_ENCRYPTED_DATA = qname(XENC, "EncryptedData")
_METHOD = qname(XENC, "EncryptionMethod")
_CIPHER_DATA = qname(XENC, "CipherData")
_CIPHER_VALUE = qname(XENC, "CipherValue")
_CIPHER_REFERENCE = qname(XENC, "CipherReference")
_TRANSFORMS = qname(XENC, "Transforms")
_REFERENCE_LIST = qname(XENC, "ReferenceList")
_DATA_REFERENCE = qname(XENC, "DataReference")
_MGF = qname(XENC11, "MGF")

_E = PolicyNoncompliance
# What each of them always is; the models say what is wrong with any other.
_KEY_SHAPE = Shape(
    (_ENCRYPTED_KEY, 4), (_METHOD, 2), (_DIGEST_METHOD, 0), (_MGF, 0),
    (_KEY_INFO, 1), (_STR, 1), (_TOKEN_REFERENCE, 0), (_CIPHER_DATA, 1), (_CIPHER_VALUE, 0),
    (_REFERENCE_LIST, 1), (_DATA_REFERENCE, 0),
)  # fmt: skip
_DATA_SHAPE = Shape(
    (_ENCRYPTED_DATA, 3), (_METHOD, 0), (_KEY_INFO, 1), (_STR, 1), (_TOKEN_REFERENCE, 0),
    (_CIPHER_DATA, 1), (_CIPHER_REFERENCE, 1), (_TRANSFORMS, 1), (_TRANSFORM, 0),
)  # fmt: skip
_KEY_INFO_MODEL = Exact(_STR, error=_E)
_STR_MODEL = Exact(_TOKEN_REFERENCE, error=_E)
_KEY_MODEL = Model(
    (_METHOD, 1, 1), (_KEY_INFO, 1, 1), (_CIPHER_DATA, 1, 1), (_REFERENCE_LIST, 0, 1), error=_E
)
_OAEP_MODEL = Exact(_DIGEST_METHOD, _MGF, error=_E)
_CIPHER_VALUE_MODEL = Exact(_CIPHER_VALUE, error=_E)
_REFERENCE_LIST_MODEL = Exact(_DATA_REFERENCE, error=_E)
_DATA_MODEL = Exact(_METHOD, _KEY_INFO, _CIPHER_DATA, error=_E)
_CIPHER_REFERENCE_MODEL = Exact(_CIPHER_REFERENCE, error=_E)
_TRANSFORMS_MODEL = Exact(_TRANSFORMS, error=_E)
_TRANSFORM_MODEL = Exact(_TRANSFORM, error=_E)


@dataclass(frozen=True, slots=True)
class EncryptedKey:
    """The attachment's key: *wrapped* for the owner of the certificate *recipient* (DER)."""

    recipient: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class SecurityHeader:
    """What a wsse:Security says: the signature, the *signer*'s certificate (DER), the key.

    *encrypted_key* is None where nothing is encrypted.  Nothing of it is verified yet.
    """

    signature: Signature
    signer: bytes
    encrypted_key: EncryptedKey | None


def parse_security(
    envelope: Envelope, ids: Ids, suite: AlgorithmSuite, *, href: str | None
) -> SecurityHeader:
    """Read the Security header of *envelope*, which must encrypt the attachment *href* if any.

    Raises PolicyNoncompliance unless there is exactly one header for us, signed, and encrypted
    where it must be, with the algorithms of *suite* and certificates in X509v3 tokens.
    """
    signatures, keys, data = _sort_children(_only_header(envelope))
    signature, signer = _parse_signed(signatures, ids, suite)
    expected = 0 if href is None else 1
    if (len(keys), len(data)) != (expected, expected):
        found = f"{len(keys)} EncryptedKey and {len(data)} EncryptedData"
        raise PolicyNoncompliance(f"the message has {found}, not {expected} of each")
    encrypted_key = None
    if href is not None:
        encrypted_key = _parse_encrypted_key(keys[0], data[0], ids, suite)
        _check_encrypted_data(data[0], keys[0], ids, suite, href)
    return SecurityHeader(signature, signer, encrypted_key)


def parse_signature(envelope: Envelope, ids: Ids, suite: AlgorithmSuite) -> tuple[Signature, bytes]:
    """Read the signature of *envelope* and its signer's certificate (DER), whatever is encrypted.

    For those who explain a message that `parse_security` refuses, with the same demands on what
    is read.
    """
    signatures, _, _ = _sort_children(_only_header(envelope))
    return _parse_signed(signatures, ids, suite)


def is_same_cid(one: str, other: str) -> bool:
    """Tell whether two cid: URLs name the same part, percent-encoded or not.  [RFC2392]"""
    return one == other or unquote(one) == unquote(other)


def resolve(uri: str, ids: Ids) -> etree._Element:
    """Return the element that *uri* ("#id") leads to; raise PolicyNoncompliance."""
    element = ids.get(uri[1:]) if uri.startswith("#") else None
    if element is None:
        raise PolicyNoncompliance(f"the reference {uri[:200]!r} leads to nothing")
    return element


def _only_header(envelope: Envelope) -> etree._Element:
    if len(envelope.securities) != 1:
        raise PolicyNoncompliance(f"there are {len(envelope.securities)} Security headers, not 1")
    return envelope.securities[0]


def _parse_signed(
    signatures: Sequence[etree._Element], ids: Ids, suite: AlgorithmSuite
) -> tuple[Signature, bytes]:
    if len(signatures) != 1:
        raise PolicyNoncompliance(f"the message has {len(signatures)} signatures, not 1")
    signature = xmldsig.parse_signature(signatures[0], suite)
    return signature, _find_token(_find_reference(signature.key_info), ids)


def _sort_children(
    security: etree._Element,
) -> tuple[list[etree._Element], list[etree._Element], list[etree._Element]]:
    """Return the signatures, encrypted keys and encrypted data in *security*."""
    kinds: dict[object, list[etree._Element]] = {
        _SIGNATURE: [], _ENCRYPTED_KEY: [], _ENCRYPTED_DATA: [], _TOKEN: [], _TIMESTAMP: []
    }  # fmt: skip
    for child in security.iterchildren("*"):
        # INTEROP(WSS4J): a Timestamp may come along; unsigned as it is, nothing reads it.
        found = kinds.get(child.tag)
        if found is None:
            raise PolicyNoncompliance(f"{local_name(child)} is not used in a Security header")
        found.append(child)
    if len(kinds[_TOKEN]) > TOKENS_MAX:
        raise PolicyNoncompliance(f"there are more than {TOKENS_MAX} security tokens")
    return kinds[_SIGNATURE], kinds[_ENCRYPTED_KEY], kinds[_ENCRYPTED_DATA]


def _find_reference(key_info: etree._Element) -> etree._Element:
    """Return the wsse:Reference in *key_info*, which must name a key in no other way."""
    (holder,) = _KEY_INFO_MODEL.read(key_info)
    return _STR_MODEL.read(holder)[0]


def _find_token(reference: etree._Element, ids: Ids) -> bytes:
    """Return the certificate (DER) of the token that *reference* leads to.

    A key that is named in any other way is refused.  [WSS-X509 §3.3] [PEPPOL-AS4 §2]
    """
    token = resolve(reference.get("URI") or "", ids)
    if token.tag != _TOKEN:
        raise PolicyNoncompliance(f"the key is a {local_name(token)}, not a BinarySecurityToken")
    # The types may be left out at the reference, and the encoding at the token: it is the default.
    if reference.get("ValueType", X509_V3) != X509_V3 or token.get("ValueType") != X509_V3:
        raise PolicyNoncompliance("the BinarySecurityToken is not an X509v3 certificate")
    if token.get("EncodingType", BASE64_BINARY) != BASE64_BINARY:
        raise PolicyNoncompliance("the BinarySecurityToken is not in base64")
    return leaf_bytes(token, PolicyNoncompliance)


class _KeyParts(NamedTuple):
    method: etree._Element
    digest: etree._Element
    mask: etree._Element
    token_reference: etree._Element
    value: etree._Element
    data_reference: etree._Element | None


def _find_key_parts(key: etree._Element, suite: AlgorithmSuite) -> _KeyParts:
    usual = _KEY_SHAPE.match(key)
    if usual is not None:
        _, method, digest, mask, _, _, reference, _, value, _, listed = usual
        return _KeyParts(method, digest, mask, reference, value, listed)
    (method,), (key_info,), (cipher,), lists = _KEY_MODEL.read(key)
    _expect_key_transport(method, suite)
    # Without DigestMethod and MGF, SHA-1 would be meant: both must be there.  [XMLENC §5.5.2]
    digest, mask = _OAEP_MODEL.read(method)
    (value,) = _CIPHER_VALUE_MODEL.read(cipher)
    data = _REFERENCE_LIST_MODEL.read(lists[0])[0] if lists else None
    return _KeyParts(method, digest, mask, _find_reference(key_info), value, data)


def _expect_key_transport(method: etree._Element, suite: AlgorithmSuite) -> None:
    if method.get("Algorithm") != suite.key_transport:
        raise PolicyNoncompliance(f"key transport {method.get('Algorithm')} is refused")


def _parse_encrypted_key(
    key: etree._Element, data: etree._Element, ids: Ids, suite: AlgorithmSuite
) -> EncryptedKey:
    """Read the EncryptedKey *key*, which may say that it is for *data*.  [XMLENC §3.5.1]"""
    parts = _find_key_parts(key, suite)
    _expect_key_transport(parts.method, suite)
    _expect_algorithm(parts.digest, suite.key_transport_digest)
    _expect_algorithm(parts.mask, suite.key_transport_mgf)
    listed = parts.data_reference
    if listed is not None and resolve(listed.get("URI") or "", ids) is not data:
        raise PolicyNoncompliance("EncryptedKey is not the key of EncryptedData")
    recipient = _find_token(parts.token_reference, ids)
    return EncryptedKey(recipient, leaf_bytes(parts.value, PolicyNoncompliance))


def _check_encrypted_data(
    data: etree._Element, key: etree._Element, ids: Ids, suite: AlgorithmSuite, href: str
) -> None:
    """Check that *data* is the content of the attachment *href*, encrypted under *key*.

    [WSS-SWA §5.5] [XMLENC §3.4]
    """
    if data.get("Type") != ATTACHMENT_CONTENT_ONLY:
        raise PolicyNoncompliance(f"EncryptedData of type {data.get('Type')} is refused")
    usual = _DATA_SHAPE.match(data)
    if usual is not None:
        _, method, _, _, reference, _, cipher, _, transform = usual
    else:
        method, key_info, holder = _DATA_MODEL.read(data)
        reference = _find_reference(key_info)
        (cipher,) = _CIPHER_REFERENCE_MODEL.read(holder)
        (transform,) = _TRANSFORM_MODEL.read(_TRANSFORMS_MODEL.read(cipher)[0])
    _expect_algorithm(method, suite.data_encryption)
    if resolve(reference.get("URI") or "", ids) is not key:
        raise PolicyNoncompliance("EncryptedData names another key than the EncryptedKey")
    uri = cipher.get("URI") or ""
    if not is_same_cid(uri, href):
        raise PolicyNoncompliance(f"EncryptedData is for {uri[:200]!r}, not the payload")
    _expect_algorithm(transform, ATTACHMENT_CIPHERTEXT)


def _expect_algorithm(element: etree._Element, algorithm: str) -> None:
    """Refuse an algorithm other than *algorithm*, and any parameter of it."""
    if element.get("Algorithm") != algorithm or len(element):
        name = f"{local_name(element)} {element.get('Algorithm')}"
        raise PolicyNoncompliance(f"{name} is refused")
