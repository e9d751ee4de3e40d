"""Give a plain signed envelope another dress: other prefixes, ids and order, signed anew.

It takes what the library makes of a message, a receipt or an error, and changes what the
specifications leave free; what is said stays the same.  The order of what was encrypted and signed
is not free: a receiver undoes one step after the other.  [WSS §5] [XMLDSIG §4.4] [SOAP12 §5]
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from lxml import etree

from as4 import algorithms, xmldsig
from as4.certificates import KeyPair
from as4.namespaces import (
    DS,
    EBBP,
    EBMS,
    EC,
    SOAP,
    WSSE,
    WSSE11,
    WSU,
    XENC,
    XENC11,
    qname,
)
from as4.pmode import PEPPOL
from as4.xmldsig import Reference
from conformance.awkward.dice import Dice, often
from conformance.awkward.enriching import Extras, enrich
from conformance.awkward.markup import PLACEHOLDER, Style, draw_style, write
from conformance.awkward.names import Names
from ubl import xml

__all__ = ["SPACES", "Dress", "Dressed", "draw_dress", "dress"]

SPACES: Final = (SOAP, EBMS, EBBP, WSSE, WSSE11, WSU, DS, EC, XENC, XENC11)
_TRACE: Final = "urn:example:trace"
_SECURITY, _MESSAGING, _BODY = (
    qname(WSSE, "Security"),
    qname(EBMS, "Messaging"),
    qname(SOAP, "Body"),
)
_MESSAGE_ID = f".//{qname(EBMS, 'MessageInfo')}/{qname(EBMS, 'MessageId')}"
_SIGNATURE, _SIGNED_INFO = qname(DS, "Signature"), qname(DS, "SignedInfo")
_REFERENCE = qname(DS, "Reference")
_TOKEN, _ID = qname(WSSE, "BinarySecurityToken"), qname(WSU, "Id")
_UNDERSTAND, _RECEIPT = qname(SOAP, "mustUnderstand"), qname(EBMS, "Receipt")
_IN_BASE64: Final = (_TOKEN, qname(DS, "DigestValue"), qname(XENC, "CipherValue"))


@dataclass(frozen=True, slots=True)
class Dress:
    """How an envelope is written.

    *security_first* says which header block comes first; *tokens* where the certificates stand
    among the other children of the Security header; *lists* how many prefixes are treated
    inclusively by each canonicalisation; *wrap* how long lines of base64 are, 0 for one line.
    *understand* is how mustUnderstand says yes.  *digits* and *zone* are of the timestamp.
    """

    style: Style
    security_first: bool
    tokens: str
    lists: tuple[tuple[str, ...], ...]
    wrap: int
    understand: str
    reference_order: tuple[float, ...]
    labels: bool
    trace: bool
    digits: int
    zone: str


@dataclass(frozen=True, slots=True)
class Dressed:
    """An envelope in its dress, and the references of its signature (none when unsigned)."""

    soap: bytes
    references: tuple[Reference, ...]


def draw_dress(dice: Dice, *, comments: bool = True) -> Dress:
    """Return how the next envelope is written."""
    style = draw_style(dice, (*SPACES, _TRACE), comments=comments)
    words = [prefix or "#default" for _, prefix in (*style.prefixes, *style.spare)]
    words += ["nobody", "#default"]
    lists = [tuple(dice.sample(words, dice.randrange(4))) for _ in range(3)]
    return Dress(
        style=style,
        security_first=often(dice, 0.5),
        tokens=dice.choice(("first", "last", "before use")),
        lists=tuple(lists) if often(dice, 0.5) else ((), (), ()),
        wrap=dice.choice((0, 0, 64, 76)),
        understand=dice.choice(("1", "true")),
        reference_order=tuple(dice.random() for _ in range(4)),
        labels=often(dice, 0.3),
        trace=often(dice, 0.2),
        digits=dice.choice((0, 1, 3, 3, 6, 9)),
        zone=dice.choice(("Z", "Z", "", "+00:00", "-00:00")),
    )


def dress(  # noqa: PLR0913 - what is drawn by chance is passed by name
    plain: bytes,
    how: Dress,
    names: Names,
    *,
    key: KeyPair | None,
    fresh: str,
    content_url: str = "",
    message_id: str = "",
    extras: Extras | None = None,
) -> Dressed:
    """Return the envelope *plain*, which the library made, in the dress *how*.

    *key* signs it anew, None where it is not signed; *fresh* is a text that only this envelope
    has, *content_url* what its attachment is called from now on, and *message_id* what itself is;
    *extras* are what the header of a user message says besides.
    """
    root = xml.parse(plain)
    if message_id:
        next(root.iterfind(_MESSAGE_ID)).text = message_id
    if extras is not None:
        enrich(root, extras)
    _rename(root, names, fresh, content_url)
    _retime(root, how)
    _wrap(root, how)
    for block in root[0]:
        block.set(_UNDERSTAND, how.understand)
    _reorder(root, how)
    if key is None:
        return Dressed(write(root, how.style).encode(), ())
    return _sign(root, how, key)


def _rename(root: etree._Element, names: Names, fresh: str, content_url: str) -> None:
    """Give every element with an id another one, and let the references follow."""
    renamed: dict[str, str] = {}
    for element in root.iter():
        for attribute in (_ID, "Id"):
            old = element.get(attribute)
            if old is not None:
                role = etree.QName(element).localname
                renamed[old] = names.element_id(f"{role}{len(renamed)}", len(renamed), fresh)
                element.set(attribute, renamed[old])
    # What a receipt acknowledges are references of another envelope.
    told = {each for receipt in root.iter(_RECEIPT) for each in receipt.iter(_REFERENCE)}
    for element in root.iter():
        for attribute in ("URI", "href") if element not in told else ():
            _follow(element, attribute, renamed, content_url)


def _follow(
    element: etree._Element, attribute: str, renamed: Mapping[str, str], content_url: str
) -> None:
    uri = element.get(attribute) or ""
    if uri.startswith("#") and uri[1:] in renamed:
        element.set(attribute, f"#{renamed[uri[1:]]}")
    elif uri.startswith("cid:") and content_url:
        element.set(attribute, content_url)


def _retime(root: etree._Element, how: Dress) -> None:
    """Write the timestamp, always of UTC, with other digits and another zone.  [EBMS3 §5.2.2.1]"""
    for element in root.iter(qname(EBMS, "Timestamp")):
        seconds, _, fraction = (element.text or "").removesuffix("Z").partition(".")
        digits = (fraction + "0" * 9)[: how.digits]
        element.text = f"{seconds}{'.' + digits if digits else ''}{how.zone}"


def _wrap(root: etree._Element, how: Dress) -> None:
    for element in root.iter(*_IN_BASE64):
        element.text = _lines(element.text or "", how.wrap)


def _lines(text: str, width: int) -> str:
    if not width:
        return text
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def _reorder(root: etree._Element, how: Dress) -> None:
    """Change the order of header blocks and of the parts of the Security header.  [SOAP12 §5.2]"""
    header = root[0]
    messaging, security = header.find(_MESSAGING), header.find(_SECURITY)
    if messaging is not None and not how.security_first:
        header.insert(0, messaging)
    if how.trace:
        trace = etree.SubElement(header, qname(_TRACE, "Trace"))
        trace.text = "nobody has to understand this"
    if security is None:
        return
    tokens = list(security.findall(_TOKEN))
    if how.tokens == "first":
        security[:0] = tokens
    elif how.tokens == "last":
        security.extend(tokens)
    signature = security.find(_SIGNATURE)
    if how.labels and signature is not None and signature.get("Id"):
        del signature.attrib["Id"]


def _sign(root: etree._Element, how: Dress, key: KeyPair) -> Dressed:
    """Write *root* with its digests and its signature made anew.

    They depend on how everything else is written, so they are put in one after the other.
    """
    signature = root.find(f".//{_SIGNATURE}")
    assert signature is not None, "what is signed anew was signed"
    signed_info, value = signature[0], signature[1]
    references = _shuffled(signed_info, how)
    ids = {each.get(_ID): each for each in root.iter() if each.get(_ID)}
    pending = []
    for number, reference in enumerate(references):
        uri = reference.get("URI") or ""
        if uri.startswith("#"):
            prefixes = how.lists[0 if ids[uri[1:]].tag == _MESSAGING else 1]
            _list_prefixes(reference[0][0], prefixes)
            reference[2].text = f"{PLACEHOLDER}{number}@@"
            pending.append((number, uri[1:], prefixes))
    _list_prefixes(signed_info[0], how.lists[2])
    value.text = f"{PLACEHOLDER}value@@"
    text = write(root, how.style)
    read = xml.parse(text.encode())
    for number, name, prefixes in pending:
        (element,) = (each for each in read.iter() if each.get(_ID) == name)
        digest = sha256(xml.canonicalize(element, prefixes=prefixes)).digest()
        text = text.replace(f"{PLACEHOLDER}{number}@@", b64encode(digest).decode())
    return _finish(text, how, key)


def _finish(text: str, how: Dress, key: KeyPair) -> Dressed:
    """Put the signature value into *text*, in which all else stands."""
    (element,) = xml.parse(text.encode()).iter(_SIGNED_INFO)
    value = algorithms.sign(key.key, xml.canonicalize(element, prefixes=how.lists[2]))
    encoded = _lines(b64encode(value).decode(), how.wrap)
    soap = text.replace(f"{PLACEHOLDER}value@@", encoded).encode()
    (signature,) = xml.parse(soap).iter(_SIGNATURE)
    return Dressed(soap, xmldsig.parse_signature(signature, PEPPOL.suite).references)


def _shuffled(signed_info: etree._Element, how: Dress) -> Sequence[etree._Element]:
    """Return the references of *signed_info* in their new order.  [XMLDSIG §4.4]"""
    references = list(signed_info.findall(_REFERENCE))
    pairs = sorted(zip(how.reference_order, range(len(references)), strict=False))
    ordered = [references[at] for _, at in pairs]
    signed_info[2:] = ordered
    if how.labels:
        for number, each in enumerate(ordered):
            each.set("Id", f"reference-{number}")
    return ordered


def _list_prefixes(method: etree._Element, prefixes: Sequence[str]) -> None:
    """Let the canonicalisation *method* treat *prefixes* inclusively.  [EXC-C14N §4]"""
    if prefixes:
        inclusive = etree.SubElement(method, qname(EC, "InclusiveNamespaces"))
        inclusive.set("PrefixList", " ".join(prefixes))
