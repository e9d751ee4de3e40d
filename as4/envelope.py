"""The SOAP 1.2 envelope: its header blocks for us, its body, and the ids of its elements.

Reading hands out the elements themselves, so that what is used later is the very node that a
signature was checked for.
Who signed what is the business of `as4.wssec`; what the ebMS header says, of `as4.usermessage`
and `as4.signal`.
"""

from itertools import islice
from typing import NamedTuple

from lxml import etree

from as4.contentmodel import Model, local_name
from as4.errors import InvalidHeader, PolicyNoncompliance, Unreadable
from as4.namespaces import EBMS, SOAP, WSSE, WSU, XML, qname
from ubl import xml
from ubl.errors import MalformedXml

MEDIA_TYPE = "application/soap+xml; charset=UTF-8"
"""The media type of an envelope on its own: of receipts and errors.  [PEPPOL-AS4 §2]"""

# LIMIT: header blocks in one envelope; peers send two.
BLOCKS_MAX = 16
# LIMIT: elements, comments and attributes of an envelope, counted by the signs that start them;
# peers send about eighty elements.  What is counted here was not authenticated yet.
MARKUP_MAX = 4096
# LIMIT: elements held while an envelope is read; peers send about eighty.
HELD_MAX = 1024
# LIMIT: characters of a MessageId; a line of RFC 5322 has no more.
MESSAGE_ID_CHARS_MAX = 998

_ENVELOPE = qname(SOAP, "Envelope")
_HEADER = qname(SOAP, "Header")
_BODY = qname(SOAP, "Body")
_MESSAGING = qname(EBMS, "Messaging")
_SECURITY = qname(WSSE, "Security")
_ROLE = qname(SOAP, "role")
_MUST_UNDERSTAND = qname(SOAP, "mustUnderstand")
_MESSAGE_ID = f".//{qname(EBMS, 'MessageInfo')}/{qname(EBMS, 'MessageId')}"

_MODEL = Model((_HEADER, 0, 1), (_BODY, 1, 1))
# A block without role, or with one of these, is meant for us.  [SOAP12 §2.2]
_OUR_ROLES = frozenset({None, "", f"{SOAP}/role/next", f"{SOAP}/role/ultimateReceiver"})
_IDS = frozenset({qname(WSU, "Id"), "Id", "ID", "id", qname(XML, "id")})

Ids = dict[str, etree._Element]  # noqa: SLF001 - lxml has no public name for the type


class Envelope(NamedTuple):
    """An envelope with one eb:Messaging and one Body; *securities* are the headers for us.

    *held* keeps the Python side of its elements, which lxml else makes anew at every look.
    """

    root: etree._Element
    messaging: etree._Element
    body: etree._Element
    securities: tuple[etree._Element, ...]
    held: list[etree._Element]


def parse_root(soap: bytes) -> etree._Element:
    """Return the root element of the SOAP 1.2 envelope *soap*; raise Unreadable 400."""
    may_be_many = len(soap) > 3 * MARKUP_MAX  # neither a tag nor an attribute is shorter
    if may_be_many and max(soap.count(b"<"), soap.count(b"=")) > MARKUP_MAX:
        raise Unreadable(400, f"the SOAP message has more than {MARKUP_MAX} tags or attributes")
    try:
        root = xml.parse(soap)
    except MalformedXml as error:
        raise Unreadable(400, f"the SOAP message cannot be read: {error}") from error
    if root.tag != _ENVELOPE:
        raise Unreadable(400, f"{local_name(root)} is not a SOAP 1.2 envelope")
    return root


def open_envelope(root: etree._Element) -> Envelope:
    """Find the parts of the envelope *root*.

    Raises InvalidHeader if there is not exactly one eb:Messaging and one Body, or a header block
    must be understood and is not.  [SOAP12 §2.4] [EBMS3 §5.1]
    """
    held = list(islice(root.iter(), HELD_MAX))
    headers, (body,) = _MODEL.read(root)
    blocks = list(headers[0].iterchildren("*")) if headers else []
    if len(blocks) > BLOCKS_MAX:
        raise InvalidHeader(f"the envelope has more than {BLOCKS_MAX} header blocks")
    messagings: list[etree._Element] = []
    securities: list[etree._Element] = []
    for block in blocks:
        if block.tag == _MESSAGING:
            messagings.append(block)
        elif block.get(_ROLE) in _OUR_ROLES:
            if block.tag == _SECURITY:
                securities.append(block)
            elif (block.get(_MUST_UNDERSTAND) or "").strip() in ("1", "true"):
                raise InvalidHeader(f"the header block {block.tag} must be understood and is not")
    if len(messagings) != 1:
        raise InvalidHeader(f"the envelope has {len(messagings)} eb:Messaging, not 1")
    return Envelope(root, messagings[0], body, tuple(securities), held)


def index_ids(root: etree._Element) -> Ids:
    """Return every element of the envelope that has an id, by its id.

    All attributes that some reader might take for an id count, and no id may come twice: else two
    readers could follow one reference to two elements.  Raises PolicyNoncompliance.
    [WSS §4.2] [XMLDSIG §4.4.3]
    """
    ids: Ids = {}
    for element in root.iter():
        for name in element.keys():  # noqa: SIM118 - an element is no mapping: it iterates children
            if name in _IDS:
                value = element.get(name, "")
                if value in ids:
                    raise PolicyNoncompliance(f"the id {value!r} is given twice")
                ids[value] = element
    return ids


def find_message_id(root: etree._Element) -> str | None:
    """Return the MessageId of the envelope *root* as far as it can be read, checked or not.

    For the RefToMessageId of an error about this very message.  [EBMS3 §6.3]
    """
    element = root.find(_MESSAGE_ID)
    text = "" if element is None or len(element) else (element.text or "").strip()
    return text if 0 < len(text) <= MESSAGE_ID_CHARS_MAX else None


def build_envelope(messaging: str, security: str, body: str) -> bytes:
    """Return the envelope around header blocks and *body* that are in canonical form already."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><S12:Envelope xmlns:S12="{SOAP}">'
        f"<S12:Header>{security}{messaging}</S12:Header>{body}</S12:Envelope>"
    ).encode()


def build_body(element_id: str) -> str:
    """Return the empty Body called *element_id*, in canonical form.  [PEPPOL-AS4 §2]"""
    return f'<S12:Body xmlns:S12="{SOAP}" xmlns:wsu="{WSU}" wsu:Id="{element_id}"></S12:Body>'


def build_messaging(content: str, element_id: str) -> str:
    """Return the eb:Messaging called *element_id* around *content*, in canonical form.

    [EBMS3 §5.2]
    """
    return (
        f'<eb:Messaging xmlns:S12="{SOAP}" xmlns:eb="{EBMS}" xmlns:wsu="{WSU}"'
        f' wsu:Id="{element_id}" S12:mustUnderstand="true">{content}</eb:Messaging>'
    )
