"""What an eb:UserMessage says, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ubl.identifiers import ParticipantId, ProcessId, known_participant

ORIGINAL_SENDER = "originalSender"
FINAL_RECIPIENT = "finalRecipient"


class Service(NamedTuple):
    """What the message is for: in Peppol the process identifier, *type* being its scheme."""

    value: str
    type: str | None


class PartyId(NamedTuple):
    """The name of an access point."""

    value: str
    type: str | None


class Party(NamedTuple):
    """One side of the exchange, as the header names it; the schema allows several names."""

    ids: tuple[PartyId, ...]
    role: str


class Agreement(NamedTuple):
    """The AgreementRef; *pmode* must be None in Peppol."""

    value: str
    pmode: str | None


class Property(NamedTuple):
    """A property of the message or of a part."""

    name: str
    value: str
    type: str | None


class PartInfo(NamedTuple):
    """What the header says of one payload; *href* is None for a payload in the Body."""

    href: str | None
    mime_type: str
    compression_type: str | None
    character_set: str | None


class UserMessage(NamedTuple):
    """The content of an eb:UserMessage; nothing but its structure is checked by reading it."""

    message_id: str
    timestamp: datetime
    sender: Party
    receiver: Party
    agreement: Agreement | None
    service: Service
    action: str
    conversation_id: str
    mpc: str | None
    properties: tuple[Property, ...]
    parts: tuple[PartInfo, ...]
    is_ping: bool

    @property
    def from_party(self) -> str:
        """The name of the sending access point."""
        return self.sender.ids[0].value

    @property
    def to_party(self) -> str:
        """The name of the access point the message is for."""
        return self.receiver.ids[0].value

    @property
    def href(self) -> str | None:
        """The cid: URL of the one payload; None for a ping without payload."""
        return self.parts[0].href if self.parts else None

    @property
    def compressed(self) -> bool:
        """Whether the header says that the payload is compressed."""
        return bool(self.parts) and self.parts[0].compression_type is not None

    @property
    def original_sender(self) -> ParticipantId | None:
        """The sender of the business document (C1); None if it is not named as it must be."""
        return self._participant(ORIGINAL_SENDER)

    @property
    def final_recipient(self) -> ParticipantId | None:
        """The receiver of the business document (C4); None if it is not named as it must be."""
        return self._participant(FINAL_RECIPIENT)

    def _participant(self, name: str) -> ParticipantId | None:
        found = [known for known in self.properties if known.name == name]
        if len(found) != 1 or not found[0].type:
            return None
        try:
            return known_participant(found[0].type, found[0].value)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """What the header of a message to be sent says.

    *service* is the process, *action* the document type as "scheme::value".
    """

    message_id: str
    conversation_id: str
    timestamp: datetime
    from_party: str
    to_party: str
    service: ProcessId | Service
    action: str
    original_sender: ParticipantId
    final_recipient: ParticipantId
