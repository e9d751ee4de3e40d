"""Write an eb:UserMessage as text that is in canonical form already."""

from datetime import UTC, datetime

from as4.pmode import PEPPOL, PMode
from as4.usermessage.values import (
    FINAL_RECIPIENT,
    ORIGINAL_SENDER,
    OutboundMessage,
    Service,
)
from as4.xmldsig import attribute_text, element_text
from ubl.identifiers import ParticipantId, ProcessId


def build_user_message(message: OutboundMessage, href: str | None, *, pmode: PMode = PEPPOL) -> str:
    """Return the eb:UserMessage of *message* in canonical form, for `build_messaging`.

    *href* is the cid: URL of the gzip payload, None for a ping without payload.
    [PEPPOL-AS4 §2.2]
    """
    return (
        f"<eb:UserMessage>{build_message_info(message.timestamp, message.message_id)}"
        f"<eb:PartyInfo>{_build_party('From', message.from_party, pmode.initiator_role, pmode)}"
        f"{_build_party('To', message.to_party, pmode.responder_role, pmode)}</eb:PartyInfo>"
        f"<eb:CollaborationInfo>{_build_agreement(pmode)}"
        f"{_build_service(message.service)}<eb:Action>{element_text(message.action)}</eb:Action>"
        f"<eb:ConversationId>{element_text(message.conversation_id)}</eb:ConversationId>"
        "</eb:CollaborationInfo><eb:MessageProperties>"
        f"{_build_participant(ORIGINAL_SENDER, message.original_sender)}"
        f"{_build_participant(FINAL_RECIPIENT, message.final_recipient)}"
        f"</eb:MessageProperties>{_build_payload_info(href, pmode)}</eb:UserMessage>"
    )


def build_message_info(
    timestamp: datetime, message_id: str, ref_to_message_id: str | None = None
) -> str:
    """Return the eb:MessageInfo of a message or signal in canonical form.

    *timestamp* must be aware; it is written in UTC to the millisecond.  [EBMS3 §5.2.2.1]
    """
    if timestamp.tzinfo is None:
        raise ValueError("a timestamp without zone")
    instant = timestamp.astimezone(UTC).isoformat(timespec="milliseconds")
    ref = ""
    if ref_to_message_id is not None:
        ref = f"<eb:RefToMessageId>{element_text(ref_to_message_id)}</eb:RefToMessageId>"
    return (
        f"<eb:MessageInfo><eb:Timestamp>{instant.removesuffix('+00:00')}Z</eb:Timestamp>"
        f"<eb:MessageId>{element_text(message_id)}</eb:MessageId>{ref}</eb:MessageInfo>"
    )


def _build_party(name: str, party: str, role: str, pmode: PMode) -> str:
    return (
        f'<eb:{name}><eb:PartyId type="{pmode.party_type}">{element_text(party)}</eb:PartyId>'
        f"<eb:Role>{role}</eb:Role></eb:{name}>"
    )


def _build_agreement(pmode: PMode) -> str:
    if pmode.agreement is None:
        return ""
    return f"<eb:AgreementRef>{pmode.agreement}</eb:AgreementRef>"


def _build_service(service: ProcessId | Service) -> str:
    kind = service.scheme if isinstance(service, ProcessId) else service.type
    attribute = "" if kind is None else f' type="{attribute_text(kind)}"'
    return f"<eb:Service{attribute}>{element_text(service.value)}</eb:Service>"


def _build_participant(name: str, participant: ParticipantId) -> str:
    return (
        f'<eb:Property name="{name}" type="{attribute_text(participant.scheme)}">'
        f"{element_text(participant.value)}</eb:Property>"
    )


def _build_payload_info(href: str | None, pmode: PMode) -> str:
    if href is None:
        return ""
    return (
        f'<eb:PayloadInfo><eb:PartInfo href="{attribute_text(href)}"><eb:PartProperties>'
        f'<eb:Property name="MimeType">{pmode.mime_type}</eb:Property>'
        f'<eb:Property name="CompressionType">{pmode.compression_type}</eb:Property>'
        "</eb:PartProperties></eb:PartInfo></eb:PayloadInfo>"
    )
