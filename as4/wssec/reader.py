"""Read a wsse:Security header, and refuse whatever the profile does not use."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

from lxml import etree

from as4 import xmldsig
from as4.algorithms import (
    ATTACHMENT_CIPHERTEXT,
    ATTACHMENT_CONTENT_ONLY,
    AlgorithmSuite,
    EncryptedKey,
)
from as4.contentmodel import Exact, Shape, leaf_bytes, local_name
from as4.envelope import Envelope, Ids
from as4.errors import PolicyNoncompliance
from as4.namespaces import DS, WSU, XENC, qname
from as4.wssec.tokens import (
    CIPHER_DATA,
    KEY_INFO,
    METHOD,
    STR,
    TOKEN,
    TOKEN_REFERENCE,
    expect_algorithm,
    find_reference,
    find_token,
    resolve,
)
from as4.xmldsig import Signature

# LIMIT: certificates in one header; two are used, some peers add the chain.
TOKENS_MAX = 8

_TIMESTAMP = qname(WSU, "Timestamp")
_SIGNATURE = qname(DS, "Signature")
_TRANSFORM = qname(DS, "Transform")
_ENCRYPTED_KEY = qname(XENC, "EncryptedKey")
_ENCRYPTED_DATA = qname(XENC, "EncryptedData")
_CIPHER_REFERENCE = qname(XENC, "CipherReference")
_TRANSFORMS = qname(XENC, "Transforms")

_E = PolicyNoncompliance
# What it always is; the models say what is wrong with any other.
_DATA_SHAPE = Shape(
    (_ENCRYPTED_DATA, 3), (METHOD, 0), (KEY_INFO, 1), (STR, 1), (TOKEN_REFERENCE, 0),
    (CIPHER_DATA, 1), (_CIPHER_REFERENCE, 1), (_TRANSFORMS, 1), (_TRANSFORM, 0),
)  # fmt: skip
_DATA_MODEL = Exact(METHOD, KEY_INFO, CIPHER_DATA, error=_E)
_CIPHER_REFERENCE_MODEL = Exact(_CIPHER_REFERENCE, error=_E)
_TRANSFORMS_MODEL = Exact(_TRANSFORMS, error=_E)
_TRANSFORM_MODEL = Exact(_TRANSFORM, error=_E)


class SecurityHeader(NamedTuple):
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
    return signature, find_token(find_reference(signature.key_info), ids)


def _sort_children(
    security: etree._Element,
) -> tuple[list[etree._Element], list[etree._Element], list[etree._Element]]:
    """Return the signatures, encrypted keys and encrypted data in *security*."""
    kinds: dict[object, list[etree._Element]] = {
        _SIGNATURE: [], _ENCRYPTED_KEY: [], _ENCRYPTED_DATA: [], TOKEN: [], _TIMESTAMP: []
    }  # fmt: skip
    for child in security.iterchildren("*"):
        # INTEROP(WSS4J): a Timestamp may come along; unsigned as it is, nothing reads it.
        found = kinds.get(child.tag)
        if found is None:
            raise PolicyNoncompliance(f"{local_name(child)} is not used in a Security header")
        found.append(child)
    if len(kinds[TOKEN]) > TOKENS_MAX:
        raise PolicyNoncompliance(f"there are more than {TOKENS_MAX} security tokens")
    return kinds[_SIGNATURE], kinds[_ENCRYPTED_KEY], kinds[_ENCRYPTED_DATA]


def _parse_encrypted_key(
    key: etree._Element, data: etree._Element, ids: Ids, suite: AlgorithmSuite
) -> EncryptedKey:
    """Read the EncryptedKey *key*, which may say that it is for *data*.  [XMLENC §3.5.1]"""
    parts = suite.content_key.find_parts(key)
    listed = parts.data_reference
    if listed is not None and resolve(listed.get("URI") or "", ids) is not data:
        raise PolicyNoncompliance("EncryptedKey is not the key of EncryptedData")
    recipient = find_token(parts.token_reference, ids)
    wrapped = leaf_bytes(parts.value, PolicyNoncompliance)
    return EncryptedKey(recipient, wrapped, parts.parameters)


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
        reference = find_reference(key_info)
        (cipher,) = _CIPHER_REFERENCE_MODEL.read(holder)
        (transform,) = _TRANSFORM_MODEL.read(_TRANSFORMS_MODEL.read(cipher)[0])
    expect_algorithm(method, suite.data_encryption)
    if resolve(reference.get("URI") or "", ids) is not key:
        raise PolicyNoncompliance("EncryptedData names another key than the EncryptedKey")
    uri = cipher.get("URI") or ""
    if not is_same_cid(uri, href):
        raise PolicyNoncompliance(f"EncryptedData is for {uri[:200]!r}, not the payload")
    expect_algorithm(transform, ATTACHMENT_CIPHERTEXT)
