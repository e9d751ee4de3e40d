"""Read an eb:UserMessage and check it against the P-Mode."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from as4.contentmodel import ANY, Exact, Model, Shape, leaf_text
from as4.envelope import MESSAGE_ID_CHARS_MAX
from as4.errors import ExternalPayloadError, InvalidHeader, ValueNotRecognized
from as4.namespaces import EBMS, qname
from as4.pmode import PEPPOL, PMode
from as4.usermessage.values import (
    Agreement,
    PartInfo,
    Party,
    PartyId,
    Property,
    Service,
    UserMessage,
)

_USER_MESSAGE = qname(EBMS, "UserMessage")
_INFO = qname(EBMS, "MessageInfo")
_TIMESTAMP = qname(EBMS, "Timestamp")
_MESSAGE_ID = qname(EBMS, "MessageId")
_REF = qname(EBMS, "RefToMessageId")
_PARTY_INFO = qname(EBMS, "PartyInfo")
_FROM = qname(EBMS, "From")
_TO = qname(EBMS, "To")
_PARTY_ID = qname(EBMS, "PartyId")
_ROLE = qname(EBMS, "Role")
_COLLABORATION = qname(EBMS, "CollaborationInfo")
_AGREEMENT = qname(EBMS, "AgreementRef")
_SERVICE = qname(EBMS, "Service")
_ACTION = qname(EBMS, "Action")
_CONVERSATION = qname(EBMS, "ConversationId")
_PROPERTIES = qname(EBMS, "MessageProperties")
_PROPERTY = qname(EBMS, "Property")
_PAYLOAD_INFO = qname(EBMS, "PayloadInfo")
_PART_INFO = qname(EBMS, "PartInfo")
_PART_PROPERTIES = qname(EBMS, "PartProperties")

# The sequences of the ebMS header schema, as far as a user message has them.  [EBMS3 §5.2.2]
_MESSAGING_MODEL = Exact(_USER_MESSAGE)
_MODEL = Model(
    (_INFO, 1, 1), (_PARTY_INFO, 1, 1), (_COLLABORATION, 1, 1), (_PROPERTIES, 0, 1),
    (_PAYLOAD_INFO, 0, 1),
)  # fmt: skip
_INFO_MODEL = Model((_TIMESTAMP, 1, 1), (_MESSAGE_ID, 1, 1), (_REF, 0, 1))
_PARTY_INFO_MODEL = Exact(_FROM, _TO)
_PARTY_MODEL = Model((_PARTY_ID, 1, ANY), (_ROLE, 1, 1))
_COLLABORATION_MODEL = Model(
    (_AGREEMENT, 0, 1), (_SERVICE, 1, 1), (_ACTION, 1, 1), (_CONVERSATION, 1, 1)
)
_PROPERTIES_MODEL = Model((_PROPERTY, 1, ANY))
_PAYLOAD_INFO_MODEL = Model((_PART_INFO, 1, ANY))
_PART_INFO_MODEL = Model(
    (qname(EBMS, "Schema"), 0, 1), (qname(EBMS, "Description"), 0, 1), (_PART_PROPERTIES, 0, 1)
)
# What Peppol makes of them: a message of any other shape is read by the models above.
_USUAL_SHAPE = Shape(
    (_USER_MESSAGE, 5), (_INFO, 2), (_TIMESTAMP, 0), (_MESSAGE_ID, 0),
    (_PARTY_INFO, 2), (_FROM, 2), (_PARTY_ID, 0), (_ROLE, 0), (_TO, 2), (_PARTY_ID, 0), (_ROLE, 0),
    (_COLLABORATION, 4), (_AGREEMENT, 0), (_SERVICE, 0), (_ACTION, 0), (_CONVERSATION, 0),
    (_PROPERTIES, 2), (_PROPERTY, 0), (_PROPERTY, 0),
    (_PAYLOAD_INFO, 1), (_PART_INFO, 1), (_PART_PROPERTIES, 2), (_PROPERTY, 0), (_PROPERTY, 0),
)  # fmt: skip

_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
# What a name of a character set may be; whether we know the set does not matter here.  [XML §4.3.3]
_CHARSET = re.compile(r"[A-Za-z][A-Za-z0-9._\-]*")


def parse_user_message(messaging: etree._Element, pmode: PMode = PEPPOL) -> UserMessage:
    """Read the one eb:UserMessage in *messaging*.

    Raises InvalidHeader where the ebMS schema would not have it, where a payload has no MimeType
    property or where its CharacterSet cannot be the name of one.  [EBMS3 §5.2.2] [AS4 §3.1]
    """
    (user_message,) = _MESSAGING_MODEL.read(messaging)
    parts = _find_usual(user_message) or _find_parts(user_message)
    service, action = _text(parts.service), _text(parts.action)
    return UserMessage(
        message_id=parse_message_id(parts.message_id),
        timestamp=parse_timestamp(parts.timestamp),
        sender=_parse_party(*parts.sender),
        receiver=_parse_party(*parts.receiver),
        agreement=_parse_agreement(parts.agreements),
        service=Service(service, parts.service.get("type")),
        action=action,
        conversation_id=_text(parts.conversation),
        mpc=user_message.get("mpc"),
        properties=_parse_properties(parts.properties),
        parts=tuple([_parse_part_info(*payload) for payload in parts.payloads]),
        is_ping=service == pmode.test_service and action == pmode.test_action,
    )


def parse_message_id(element: etree._Element) -> str:
    """Return the MessageId in *element*; raise InvalidHeader if it is empty or far too long."""
    return check_message_id(_text(element))


def check_message_id(value: str) -> str:
    """Return *value*, a MessageId; raise InvalidHeader if it is far too long."""
    if len(value) > MESSAGE_ID_CHARS_MAX:
        raise InvalidHeader(f"MessageId is longer than {MESSAGE_ID_CHARS_MAX} characters")
    return value


def parse_timestamp(element: etree._Element) -> datetime:
    """Return the instant in *element*, aware and in UTC; raise InvalidHeader.  [EBMS3 §5.2.2.1]"""
    return read_instant(leaf_text(element))


def read_instant(value: str) -> datetime:
    """Return the instant *value*, aware and in UTC; raise InvalidHeader.  [EBMS3 §5.2.2.1]"""
    if not _DATE_TIME.fullmatch(value):
        raise InvalidHeader(f"Timestamp {value[:40]!r} is not a date and time")
    try:
        instant = datetime.fromisoformat(value)
        # INTEROP(Holodeck B2B): an instant without zone is meant in UTC, as ebMS demands.
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidHeader(f"Timestamp {value[:40]!r} is not a date and time") from error


def check_processing_mode(message: UserMessage, pmode: PMode = PEPPOL) -> None:
    """Raise ValueNotRecognized unless *message* carries the values of *pmode*.

    [PEPPOL-AS4 §2.2] [EBMS3 §4]
    """
    if message.mpc not in (None, pmode.default_mpc):
        raise ValueNotRecognized(f"mpc {message.mpc!r} is not the default channel")
    _check_party("From", message.sender, pmode.initiator_role, pmode)
    _check_party("To", message.receiver, pmode.responder_role, pmode)
    found = message.agreement
    if (None if found is None else found.value) != pmode.agreement:
        raise ValueNotRecognized(f"AgreementRef is not {pmode.agreement or 'left out'}")
    if found is not None and found.pmode is not None:
        raise ValueNotRecognized("AgreementRef names a pmode")


def check_payload_info(message: UserMessage) -> None:
    """Raise ExternalPayloadError unless *message* announces one attached payload.

    A ping may come without any.  [PEPPOL-AS4 §2.2] [EBMS3 §5.2.2.13]
    """
    if not message.parts and message.is_ping:
        return
    if len(message.parts) != 1:
        raise ExternalPayloadError(f"PayloadInfo names {len(message.parts)} parts, not 1")
    href = message.parts[0].href
    if href is None:
        raise ExternalPayloadError("PartInfo without href: the payload must be an attachment")
    if not href.startswith("cid:") or href == "cid:":
        raise ExternalPayloadError(f"PartInfo names {href[:200]!r}, which is not an attachment")


class _Parts(NamedTuple):
    """The elements of a user message that say something."""

    timestamp: etree._Element
    message_id: etree._Element
    sender: tuple[list[etree._Element], etree._Element]
    receiver: tuple[list[etree._Element], etree._Element]
    agreements: list[etree._Element]
    service: etree._Element
    action: etree._Element
    conversation: etree._Element
    properties: list[etree._Element]
    payloads: list[tuple[etree._Element, list[etree._Element]]]


def _find_usual(user_message: etree._Element) -> _Parts | None:
    """Return the parts of a message of the usual shape, None for any other."""
    found = _USUAL_SHAPE.match(user_message)
    if found is None:
        return None
    _, _, timestamp, message_id, _, _, sender, sender_role, _, receiver, receiver_role = found[:11]
    _, agreement, service, action, conversation = found[11:16]
    return _Parts(
        timestamp,
        message_id,
        ([sender], sender_role),
        ([receiver], receiver_role),
        [agreement],
        service,
        action,
        conversation,
        found[17:19],
        [(found[20], found[22:24])],
    )


def _find_parts(user_message: etree._Element) -> _Parts:
    """Return the parts of a message of any valid shape; raise InvalidHeader."""
    (info,), (parties,), (collaboration,), properties, payloads = _MODEL.read(user_message)
    (timestamp,), (message_id,), _ = _INFO_MODEL.read(info)
    sender, receiver = _PARTY_INFO_MODEL.read(parties)
    agreements, (service,), (action,), (conversation,) = _COLLABORATION_MODEL.read(collaboration)
    parts = _PAYLOAD_INFO_MODEL.read(payloads[0])[0] if payloads else []
    return _Parts(
        timestamp,
        message_id,
        _find_party(sender),
        _find_party(receiver),
        agreements,
        service,
        action,
        conversation,
        _find_properties(properties),
        [(part, _find_properties(_PART_INFO_MODEL.read(part)[2])) for part in parts],
    )


def _find_party(element: etree._Element) -> tuple[list[etree._Element], etree._Element]:
    names, (role,) = _PARTY_MODEL.read(element)
    return names, role


def _find_properties(holders: list[etree._Element]) -> list[etree._Element]:
    return _PROPERTIES_MODEL.read(holders[0])[0] if holders else []


def _text(element: etree._Element) -> str:
    value = leaf_text(element)
    if not value:
        raise InvalidHeader(f"{etree.QName(element).localname} is empty")
    return value


def _parse_party(names: list[etree._Element], role: etree._Element) -> Party:
    return Party(tuple([PartyId(_text(name), name.get("type")) for name in names]), _text(role))


def _parse_agreement(elements: list[etree._Element]) -> Agreement | None:
    if not elements:
        return None
    return Agreement(_text(elements[0]), elements[0].get("pmode"))


def _parse_properties(elements: list[etree._Element]) -> tuple[Property, ...]:
    return tuple(
        [Property(_property_name(known), _text(known), known.get("type")) for known in elements]
    )


def _property_name(element: etree._Element) -> str:
    name = element.get("name")
    if not name:
        raise InvalidHeader("a Property has no name")
    return name


def _parse_part_info(element: etree._Element, properties: list[etree._Element]) -> PartInfo:
    values: dict[str, str] = {}
    for known in properties:
        name = _property_name(known)
        if name in values:
            raise InvalidHeader(f"the part property {name} is given twice")
        values[name] = _text(known)
    if "MimeType" not in values:
        raise InvalidHeader("PartInfo has no MimeType property")
    character_set = values.get("CharacterSet")
    if character_set is not None and not _CHARSET.fullmatch(character_set):
        raise InvalidHeader(f"CharacterSet {character_set[:40]!r} is not the name of one")
    return PartInfo(
        element.get("href"), values["MimeType"], values.get("CompressionType"), character_set
    )


def _check_party(name: str, party: Party, role: str, pmode: PMode) -> None:
    if len(party.ids) != 1:
        raise ValueNotRecognized(f"{name} has {len(party.ids)} PartyId, not 1")
    if party.ids[0].type != pmode.party_type:
        raise ValueNotRecognized(f"{name}/PartyId is not of type {pmode.party_type}")
    if party.role != role:
        raise ValueNotRecognized(f"{name}/Role is not {role}")
