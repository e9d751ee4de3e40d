"""XML signatures: references and SignedInfo, read and verified, or written and signed.

Reading trusts nothing: `parse_signature` refuses every algorithm that is not the suite's, and
`verify_value` and `verify_reference` raise unless what they check holds.
Writing needs no tree: what is signed is composed as text that already is in exclusive canonical
form, so that its bytes can be digested as they stand.  [XMLDSIG §3] [EXC-C14N §3]

Which elements a signature must cover is the business of `as4.wssec`.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from lxml import etree

from as4 import algorithms
from as4.algorithms import AlgorithmSuite
from as4.contentmodel import Exact, Model, Shape, leaf_bytes, local_name
from as4.errors import FailedAuthentication, PolicyNoncompliance
from as4.namespaces import DS, EC, qname
from ubl import xml

# LIMIT: references a signature or receipt may have; the profile needs three.
REFERENCES_MAX = 8
# LIMIT: prefixes in one PrefixList; each costs a search at every element that is canonicalised.
PREFIXES_MAX = 64
# LIMIT: texts of transforms remembered; a peer uses two.
METHODS_MAX = 64

_SIGNED_INFO = qname(DS, "SignedInfo")
_VALUE = qname(DS, "SignatureValue")
_KEY_INFO = qname(DS, "KeyInfo")
_C14N_METHOD = qname(DS, "CanonicalizationMethod")
_METHOD = qname(DS, "SignatureMethod")
_REFERENCE = qname(DS, "Reference")
_TRANSFORMS = qname(DS, "Transforms")
_TRANSFORM = qname(DS, "Transform")
_DIGEST_METHOD = qname(DS, "DigestMethod")
_DIGEST_VALUE = qname(DS, "DigestValue")
_INCLUSIVE = qname(EC, "InclusiveNamespaces")

_E = PolicyNoncompliance
_SIGNATURE_MODEL = Exact(_SIGNED_INFO, _VALUE, _KEY_INFO, error=_E)
_SIGNED_INFO_MODEL = Model(
    (_C14N_METHOD, 1, 1), (_METHOD, 1, 1), (_REFERENCE, 1, REFERENCES_MAX), error=_E
)
_REFERENCE_MODEL = Model(
    (_TRANSFORMS, 0, 1), (_DIGEST_METHOD, 1, 1), (_DIGEST_VALUE, 1, 1), error=_E
)
_TRANSFORMS_MODEL = Model((_TRANSFORM, 1, REFERENCES_MAX), error=_E)
_USUAL_REFERENCE = Shape(
    (_REFERENCE, 3), (_TRANSFORMS, 1), (_TRANSFORM, 0), (_DIGEST_METHOD, 0), (_DIGEST_VALUE, 0)
)

# A prefix, or "#default" for the namespace without one.  [EXC-C14N §4]
_PREFIX = re.compile(r"#default|[\w.\-]+")


class Transform(NamedTuple):
    """One step from a referenced node to the bytes that are digested.

    *prefixes* are those of ec:InclusiveNamespaces; only a canonicalisation can have them.
    """

    algorithm: str
    prefixes: tuple[str, ...] = ()


class Reference(NamedTuple):
    """A ds:Reference: what is signed, how it became bytes, and their digest."""

    uri: str
    transforms: tuple[Transform, ...]
    digest_method: str
    digest_value: bytes

    @property
    def meaning(self) -> tuple[str, tuple[str, ...], str, bytes]:
        """What two references must share to acknowledge the same bytes.

        Prefix lists are left out: some receivers drop them when they copy a reference into a
        receipt, and the digest already depends on them.  [EBBPSIG §3]
        """
        steps = tuple(transform.algorithm for transform in self.transforms)
        return (self.uri, steps, self.digest_method, self.digest_value)


class Signature(NamedTuple):
    """A ds:Signature whose algorithms are the suite's; nothing of it is verified yet."""

    signed_info: etree._Element
    prefixes: tuple[str, ...]
    references: tuple[Reference, ...]
    value: bytes
    key_info: etree._Element
    suite: AlgorithmSuite


def parse_signature(element: etree._Element, suite: AlgorithmSuite) -> Signature:
    """Read the ds:Signature *element*.

    Raises PolicyNoncompliance if an algorithm is not the one of *suite*, a transform is not one
    of the two allowed, or the structure leaves room for anything the profile does not use.
    [XMLDSIG §4] [PEPPOL-AS4 §2]
    """
    signed_info, value, key_info = _SIGNATURE_MODEL.read(element)
    (method,), (algorithm,), children = _SIGNED_INFO_MODEL.read(signed_info)
    prefixes = _canonicalisation(method, suite)
    _expect_bare(algorithm, suite.signature)
    references = tuple(parse_reference(child) for child in children)
    for reference in references:
        _check_algorithms(reference, suite)
    return Signature(signed_info, prefixes, references, leaf_bytes(value, _E), key_info, suite)


def parse_reference(element: etree._Element) -> Reference:
    """Read the ds:Reference *element*, whatever its algorithms are.

    Raises PolicyNoncompliance if it is not shaped like one.  [XMLDSIG §4.4.3]
    """
    usual = _USUAL_REFERENCE.match(element)
    if usual is not None:
        _, _, step, method, value = usual
        transforms: tuple[Transform, ...] = (Transform(step.get("Algorithm") or ""),)
    else:
        holders, (method,), (value,) = _REFERENCE_MODEL.read(element)
        steps = _TRANSFORMS_MODEL.read(holders[0])[0] if holders else []
        transforms = tuple([_parse_transform(step) for step in steps])
    if len(method):
        raise PolicyNoncompliance("DigestMethod has parameters")
    return Reference(
        uri=element.get("URI") or "",
        transforms=transforms,
        digest_method=method.get("Algorithm") or "",
        digest_value=leaf_bytes(value, _E),
    )


def verify_value(signature: Signature, public_key: object) -> None:
    """Raise FailedAuthentication unless the owner of *public_key* signed the SignedInfo.

    [XMLDSIG §3.2.2]
    """
    data = canonicalize(signature.signed_info, signature.prefixes)
    check_value(data, signature.value, public_key, signature.suite)


def verify_reference(reference: Reference, element: etree._Element) -> None:
    """Raise FailedAuthentication unless *element* has the digest that *reference* states.

    [XMLDSIG §3.2.1]
    """
    (transform,) = reference.transforms
    data = canonicalize(element, transform.prefixes)
    check_digest(data, reference.digest_value, name=local_name(element))


def check_value(data: bytes, value: bytes, public_key: object, suite: AlgorithmSuite) -> None:
    """Raise FailedAuthentication unless *value* is the signature of *data*, a canonical SignedInfo.

    [XMLDSIG §3.2.2]
    """
    if not suite.is_signature(public_key, value, data):
        raise FailedAuthentication("the signature value does not fit the signer's certificate")


def check_digest(data: bytes, expected: bytes, *, name: str) -> None:
    """Raise FailedAuthentication unless *data*, the canonical *name*, has the digest *expected*.

    [XMLDSIG §3.2.1]
    """
    if not hmac.compare_digest(sha256(data).digest(), expected):
        raise FailedAuthentication(f"the digest of {name} is not the one that was signed")


def canonicalize(element: etree._Element, prefixes: tuple[str, ...] = ()) -> bytes:
    """Return the exclusive canonical form of *element*, with *prefixes* treated inclusively.

    Raises FailedAuthentication if it has none, as with a relative namespace name.
    [EXC-C14N §3] [C14N §1.3]
    """
    try:
        return xml.canonicalize(element, exclusive=True, prefixes=prefixes)
    except etree.C14NError as error:
        name = etree.QName(element).localname
        raise FailedAuthentication(f"{name} has no canonical form") from error


def build_reference(reference: Reference, *, declare: bool = False) -> str:
    """Return *reference* as a ds:Reference in canonical form.

    *declare* it where no element above binds the prefix ds.
    """
    namespace = f' xmlns:ds="{DS}"' if declare else ""
    return (
        f'<ds:Reference{namespace} URI="{attribute_text(reference.uri)}">'
        f"{_build_methods(reference.transforms, reference.digest_method)}"
        f"<ds:DigestValue>{b64encode(reference.digest_value).decode()}</ds:DigestValue>"
        "</ds:Reference>"
    )


def build_signature(
    references: Iterable[Reference],
    key_info: str,
    *,
    key: object,
    suite: AlgorithmSuite,
    signature_id: str,
) -> str:
    """Return a ds:Signature by *key* over *references*, in which *key_info* names the signer.

    *key_info* is the content of ds:KeyInfo; it is not covered by the signature.
    """
    content = (
        f'<ds:CanonicalizationMethod Algorithm="{suite.canonicalization}">'
        "</ds:CanonicalizationMethod>"
        f'<ds:SignatureMethod Algorithm="{suite.signature}"></ds:SignatureMethod>'
        + "".join([build_reference(reference) for reference in references])
        + "</ds:SignedInfo>"
    )
    # As the apex of what is canonicalised, SignedInfo declares ds itself; inside its parent the
    # same declaration is redundant, which changes nothing in its canonical form.  [EXC-C14N §3]
    value = suite.sign(key, f'<ds:SignedInfo xmlns:ds="{DS}">{content}'.encode())
    return (
        f'<ds:Signature xmlns:ds="{DS}" Id="{signature_id}"><ds:SignedInfo>{content}'
        f"<ds:SignatureValue>{b64encode(value).decode()}</ds:SignatureValue>"
        f"<ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
    )


def element_reference(element_id: str, canonical: bytes, suite: AlgorithmSuite) -> Reference:
    """Return the reference to the element whose id is *element_id* and form is *canonical*."""
    transform = Transform(suite.canonicalization)
    return Reference(f"#{element_id}", (transform,), suite.digest, sha256(canonical).digest())


def element_text(value: str) -> str:
    """Return *value* as the text of an element in canonical form.  [C14N §2.3]"""
    if not ("&" in value or "<" in value or ">" in value or "\r" in value):
        return value
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value.replace("\r", "&#xD;")


def attribute_text(value: str) -> str:
    """Return *value* as the text of an attribute in canonical form.  [C14N §2.3]"""
    if value.isprintable() and not ("&" in value or "<" in value or '"' in value):
        return value
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return value.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")


@lru_cache(METHODS_MAX)
def _build_methods(transforms: tuple[Transform, ...], digest_method: str) -> str:
    steps = "".join([_build_transform(transform) for transform in transforms])
    return (
        f"<ds:Transforms>{steps}</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{attribute_text(digest_method)}"></ds:DigestMethod>'
    )


def _build_transform(transform: Transform) -> str:
    inner = ""
    if transform.prefixes:
        listed = attribute_text(" ".join(transform.prefixes))
        inner = (
            f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="{listed}">'
            "</ec:InclusiveNamespaces>"
        )
    algorithm = attribute_text(transform.algorithm)
    return f'<ds:Transform Algorithm="{algorithm}">{inner}</ds:Transform>'


def _parse_transform(element: etree._Element) -> Transform:
    algorithm = element.get("Algorithm") or ""
    return Transform(algorithm, _prefixes(element) if len(element) else ())


def _canonicalisation(element: etree._Element, suite: AlgorithmSuite) -> tuple[str, ...]:
    if element.get("Algorithm") != suite.canonicalization:
        raise PolicyNoncompliance(f"CanonicalizationMethod {element.get('Algorithm')} is refused")
    return _prefixes(element) if len(element) else ()


def _prefixes(element: etree._Element) -> tuple[str, ...]:
    """Return the PrefixList of the one ec:InclusiveNamespaces in *element*.  [EXC-C14N §4]"""
    children = element.findall("*")
    (child,) = children if len(children) == 1 else (None,)
    if child is None or child.tag != _INCLUSIVE or len(child):
        raise PolicyNoncompliance("a canonicalisation or transform has unknown parameters")
    prefixes = tuple((child.get("PrefixList") or "").split())
    if len(prefixes) > PREFIXES_MAX:
        raise PolicyNoncompliance(f"PrefixList holds more than {PREFIXES_MAX} prefixes")
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise PolicyNoncompliance(f"PrefixList holds {prefix!r}, which is no prefix")
    return prefixes


def _check_algorithms(reference: Reference, suite: AlgorithmSuite) -> None:
    """Refuse a reference whose digest or transform is not the one for its kind of URI."""
    if reference.digest_method != suite.digest:
        raise PolicyNoncompliance(f"DigestMethod {reference.digest_method} is refused")
    if len(reference.transforms) != 1:
        raise PolicyNoncompliance(f"the reference {reference.uri} has not exactly one transform")
    (transform,) = reference.transforms
    is_attachment = reference.uri.startswith("cid:")
    allowed = algorithms.ATTACHMENT_CONTENT_SIGNATURE if is_attachment else suite.canonicalization
    if transform.algorithm != allowed or (is_attachment and transform.prefixes):
        raise PolicyNoncompliance(f"transform {transform.algorithm} of {reference.uri} is refused")


def _expect_bare(element: etree._Element, algorithm: str) -> None:
    """Refuse an algorithm other than *algorithm*, and any parameter of it."""
    if element.get("Algorithm") != algorithm or len(element):
        raise PolicyNoncompliance(f"SignatureMethod {element.get('Algorithm')} is refused")
