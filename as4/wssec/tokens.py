"""What the parts of a Security header refer to: elements by id, certificates in tokens."""

from lxml import etree

from as4.algorithms import BASE64_BINARY, X509_V3
from as4.contentmodel import Exact, Model, leaf_bytes, local_name
from as4.envelope import Ids
from as4.errors import PolicyNoncompliance
from as4.namespaces import DS, WSSE, XENC, qname

TOKEN = qname(WSSE, "BinarySecurityToken")
STR = qname(WSSE, "SecurityTokenReference")
TOKEN_REFERENCE = qname(WSSE, "Reference")
KEY_INFO = qname(DS, "KeyInfo")
METHOD = qname(XENC, "EncryptionMethod")
CIPHER_DATA = qname(XENC, "CipherData")
CIPHER_VALUE = qname(XENC, "CipherValue")
REFERENCE_LIST = qname(XENC, "ReferenceList")
DATA_REFERENCE = qname(XENC, "DataReference")

_E = PolicyNoncompliance
_KEY_INFO_MODEL = Exact(STR, error=_E)
_STR_MODEL = Exact(TOKEN_REFERENCE, error=_E)
_KEY_MODEL = Model(
    (METHOD, 1, 1), (KEY_INFO, 1, 1), (CIPHER_DATA, 1, 1), (REFERENCE_LIST, 0, 1), error=_E
)
_CIPHER_VALUE_MODEL = Exact(CIPHER_VALUE, error=_E)
_REFERENCE_LIST_MODEL = Exact(DATA_REFERENCE, error=_E)


def resolve(uri: str, ids: Ids) -> etree._Element:
    """Return the element that *uri* ("#id") leads to; raise PolicyNoncompliance."""
    element = ids.get(uri[1:]) if uri.startswith("#") else None
    if element is None:
        raise PolicyNoncompliance(f"the reference {uri[:200]!r} leads to nothing")
    return element


def find_reference(key_info: etree._Element) -> etree._Element:
    """Return the wsse:Reference in *key_info*, which must name a key in no other way."""
    (holder,) = _KEY_INFO_MODEL.read(key_info)
    return _STR_MODEL.read(holder)[0]


def find_token(reference: etree._Element, ids: Ids) -> bytes:
    """Return the certificate (DER) of the token that *reference* leads to.

    A key that is named in any other way is refused.  [WSS-X509 §3.3] [PEPPOL-AS4 §2]
    """
    token = resolve(reference.get("URI") or "", ids)
    if token.tag != TOKEN:
        raise PolicyNoncompliance(f"the key is a {local_name(token)}, not a BinarySecurityToken")
    # The types may be left out at the reference, and the encoding at the token: it is the default.
    if reference.get("ValueType", X509_V3) != X509_V3 or token.get("ValueType") != X509_V3:
        raise PolicyNoncompliance("the BinarySecurityToken is not an X509v3 certificate")
    if token.get("EncodingType", BASE64_BINARY) != BASE64_BINARY:
        raise PolicyNoncompliance("the BinarySecurityToken is not in base64")
    return leaf_bytes(token, PolicyNoncompliance)


def split_key(
    key: etree._Element,
) -> tuple[etree._Element, etree._Element, etree._Element, list[etree._Element]]:
    """Return EncryptionMethod, KeyInfo and CipherData of the EncryptedKey *key*, and lists.

    Raises PolicyNoncompliance if it is not shaped like one.  [XMLENC §3.5.1]
    """
    (method,), (key_info,), (cipher,), lists = _KEY_MODEL.read(key)
    return method, key_info, cipher, lists


def read_cipher(
    cipher: etree._Element, lists: list[etree._Element]
) -> tuple[etree._Element, etree._Element | None]:
    """Return the CipherValue in *cipher*, and the DataReference in *lists* if there is any."""
    (value,) = _CIPHER_VALUE_MODEL.read(cipher)
    return value, _REFERENCE_LIST_MODEL.read(lists[0])[0] if lists else None


def expect_method(method: etree._Element, algorithm: str) -> None:
    """Refuse a way for the content key to travel other than *algorithm*."""
    if method.get("Algorithm") != algorithm:
        raise PolicyNoncompliance(f"key transport {method.get('Algorithm')} is refused")


def expect_algorithm(element: etree._Element, algorithm: str) -> None:
    """Refuse an algorithm other than *algorithm*, and any parameter of it."""
    if element.get("Algorithm") != algorithm or len(element):
        name = f"{local_name(element)} {element.get('Algorithm')}"
        raise PolicyNoncompliance(f"{name} is refused")
