"""Does the ebMS header say the same as the business header, and is it meant for us, and now?

These are the checks that follow decryption: of addresses, identifiers and time.
What the business header may hold is checked by `ubl.sbdh`; whom we serve is known to the gateway.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from as4.errors import DecompressionFailure, Other, ValueInconsistent
from as4.pmode import PEPPOL, PMode
from as4.usermessage import FINAL_RECIPIENT, ORIGINAL_SENDER, UserMessage
from ubl.identifiers import ParticipantId
from ubl.sbdh import Sbdh

# LIMIT: how far the sender's clock may be ahead of ours.
AHEAD_MAX = timedelta(hours=1)

_UNTYPED_SERVICE = "Service has no type"


def check_compression(message: UserMessage, pmode: PMode = PEPPOL) -> None:
    """Raise DecompressionFailure if the payload is compressed by a method unknown to us.

    [AS4 §3.1]
    """
    for part in message.parts:
        if part.compression_type not in (None, pmode.compression_type):
            raise DecompressionFailure(f"CompressionType {part.compression_type!r} is not known")


def check_addressee(message: UserMessage, seats: Collection[str]) -> None:
    """Raise Other unless *message* is for one of our *seats*.  [PEPPOL-AS4 §2.2]"""
    if message.to_party not in seats:
        raise Other(
            f"the message is for {message.to_party}, which is not this access point",
            ref_to_message_id=message.message_id,
        )


def check_participants(message: UserMessage) -> None:
    """Raise Other unless *message* names both participants, and a process, as it must.

    `check_business_header` asks the same and more; this is for those who cannot see the business
    header.  [PEPPOL-AS4 §2.2]
    """
    for name, found in (
        (ORIGINAL_SENDER, message.original_sender),
        (FINAL_RECIPIENT, message.final_recipient),
    ):
        if found is None:
            raise Other(_explain_unnamed(message, name), ref_to_message_id=message.message_id)
    if message.service.type is None:
        raise Other(_UNTYPED_SERVICE, ref_to_message_id=message.message_id)


def check_business_header(message: UserMessage, sbdh: Sbdh) -> None:
    """Raise Other unless *message* and *sbdh* name the same parties, document and process.

    [PEPPOL-AS4 §2.2] [PEPPOL-BME §4]
    """
    problem = (
        _compare_participant(message, ORIGINAL_SENDER, message.original_sender, sbdh.sender)
        or _compare_participant(message, FINAL_RECIPIENT, message.final_recipient, sbdh.receiver)
        or _compare_document(message, sbdh)
    )
    if problem:
        raise Other(problem, ref_to_message_id=message.message_id)


def check_timestamp(message: UserMessage, *, now: datetime, memory: timedelta) -> None:
    """Raise ValueInconsistent unless *message* was made between *memory* ago and just now.

    *memory* is how long received messages are remembered: an older one might have been received
    before without anybody knowing.
    """
    if message.timestamp > now + AHEAD_MAX:
        problem = "lies ahead of the receiver's clock"
    elif message.timestamp < now - memory:
        problem = "is older than the receiver's memory of duplicates"
    else:
        return
    raise ValueInconsistent(
        f"Timestamp {message.timestamp.isoformat()} {problem}",
        ref_to_message_id=message.message_id,
    )


def _compare_participant(
    message: UserMessage, name: str, found: ParticipantId | None, expected: ParticipantId
) -> str | None:
    if found is not None:
        if found == expected:
            return None
        return f"{name} is {found.value}, the business header says {expected.value}"
    return _explain_unnamed(message, name)


def _explain_unnamed(message: UserMessage, name: str) -> str:
    named = [known for known in message.properties if known.name == name]
    if len(named) != 1:
        return f"there are {len(named)} {name} properties, not 1"
    if not named[0].type:
        return f"{name} has no type"
    return f"{name} {named[0].value!r} of type {named[0].type!r} is not a participant"


def _compare_document(message: UserMessage, sbdh: Sbdh) -> str | None:
    if message.action != sbdh.document_type.uri:
        return f"Action is {message.action}, the business header says {sbdh.document_type.uri}"
    if message.service.type is None:
        return _UNTYPED_SERVICE
    if message.service.value != sbdh.process.value or message.service.type != sbdh.process.scheme:
        service = f"{message.service.type}::{message.service.value}"
        return f"Service is {service}, the business header says {sbdh.process.uri}"
    return None
