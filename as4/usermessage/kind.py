"""User messages of a familiar shape: what changes in them, and what follows from it."""

from as4.envelope import Envelope
from as4.pmode import PMode
from as4.usermessage.reader import check_message_id, parse_user_message, read_instant
from as4.usermessage.values import PartInfo, Party, PartyId, Property, Service, UserMessage
from as4.xmldsig import Reference


class UserMessageKind:
    """How `as4.familiar` reads the eb:UserMessage of an envelope."""

    def parse(self, envelope: Envelope, pmode: PMode) -> tuple[UserMessage, str | None]:
        """Return the message in *envelope*, and what it calls its payload; see `Kind`."""
        message = parse_user_message(envelope.messaging, pmode)
        if len(message.sender.ids) != 1 or len(message.receiver.ids) != 1:
            raise ValueError("a party has several names")
        if len(message.parts) > 1:
            raise ValueError("the message has several payloads")
        return message, message.href

    def plain_values(self, content: UserMessage) -> dict[str, str]:
        """Return the texts of the message *content*."""
        return {
            "message_id": content.message_id,
            "from": content.from_party,
            "to": content.to_party,
            "service": content.service.value,
            "action": content.action,
            "conversation": content.conversation_id,
            **{f"property{n}": each.value for n, each in enumerate(content.properties)},
        }

    def acknowledged(self, _content: UserMessage) -> tuple[Reference, ...]:
        """Return nothing: a message repeats no reference."""
        return ()

    def fill(
        self,
        content: UserMessage,
        values: dict[str, str],
        _repeated: tuple[Reference, ...],
        pmode: PMode,
    ) -> UserMessage:
        """Return *content* with other *values*; raise InvalidHeader like `parse_user_message`."""
        service, action = values["service"], values["action"]
        properties = [
            Property(name, values[f"property{n}"], kind)
            for n, (name, _, kind) in enumerate(content.properties)
        ]
        return UserMessage(
            message_id=check_message_id(values["message_id"]),
            timestamp=read_instant(values["timestamp"]),
            sender=_rename(content.sender, values["from"]),
            receiver=_rename(content.receiver, values["to"]),
            agreement=content.agreement,
            service=Service(service, content.service.type),
            action=action,
            conversation_id=values["conversation"],
            mpc=content.mpc,
            properties=tuple(properties),
            parts=tuple([PartInfo(values["href"], *part[1:]) for part in content.parts]),
            is_ping=service == pmode.test_service and action == pmode.test_action,
        )


def _rename(party: Party, name: str) -> Party:
    return Party((PartyId(name, party.ids[0].type),), party.role)
