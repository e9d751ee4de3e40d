"""What the endpoint would refuse a UserMessage for: its own functions, in its own order.

    body, envelope, signature     MessageReader.open_envelope
    attachment                    MessageReader.open_attachment, .close
    payload, business header      inflate, read_envelope
    addressee, agreement, time    check_addressee, check_business_header, check_timestamp

Without the receiver's key, everything that needs the attachment opened is left out.
[PEPPOL-AS4 §2]
"""

from contextlib import suppress
from datetime import UTC, datetime

from as4.business import check_compression, check_participants
from as4.certificates import PrivateKey
from as4.compression import INFLATED_BYTES_MAX, inflate
from as4.dump import Dump
from as4.errors import As4Error, DecompressionFailure, FailedDecryption, Other, Unreadable
from as4.inspection.known import Known
from as4.unpack import (
    MessageReader,
    ReceivedMessage,
    check_addressee,
    check_business_header,
    check_timestamp,
)
from as4.usermessage import UserMessage
from ubl.errors import UblError
from ubl.sbdh import Sbdh, read_envelope

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def judge_message(dump: Dump, known: Known, at: datetime | None) -> As4Error | Unreadable | None:
    """Return what the endpoint would answer *dump* with if it arrived at *at*; None: a receipt.

    *at* is None only for a message whose timestamp cannot be read.
    """
    try:
        _judge(dump, known, at)
    except (As4Error, Unreadable) as refusal:
        return refusal
    return None


def inflate_payload(payload: bytes, *, compressed: bool) -> bytes:
    """Return the business envelope in *payload*; raises DecompressionFailure.  [AS4 §3.1]"""
    if compressed:
        return inflate(payload)
    if len(payload) > INFLATED_BYTES_MAX:
        raise DecompressionFailure("the payload is larger than what is accepted")
    return payload


def read_header(envelope: bytes) -> Sbdh:
    """Return the header of the business *envelope*; raises Other for what breaks its rules."""
    try:
        header = read_envelope(envelope, whole=False).header
    except UblError as problem:
        raise Other(f"business document header: {problem}") from problem
    assert header is not None, "an envelope without header is refused"
    return header


def _judge(dump: Dump, known: Known, at: datetime | None) -> None:
    reader = MessageReader(dump.content_type, keep=True)
    reader.feed(dump.body)
    opened = reader.open_envelope(anchors_check=known.signer_check(at), now=at or _NEVER)
    message = opened.user_message
    recipients: list[bytes] = []

    def find_key(recipient: bytes) -> PrivateKey | None:
        recipients.append(recipient)
        return known.find_key(recipient)

    reader.open_attachment(find_key, known.random_key)
    if known.key is None and message.parts:
        _judge_closed(reader, message)
    else:
        received = reader.close()
        header = _judge_payload(received)
        seat = known.find_seat(recipients[0] if recipients else None)
        if seat is not None:
            check_addressee(message, (seat,))
        if header is not None:
            check_business_header(message, header)
    if known.at is not None:
        check_timestamp(message, now=known.at, memory=known.duplicate_memory)


def _judge_closed(reader: MessageReader, message: UserMessage) -> None:
    """Judge what of a message can be judged while its attachment stays closed."""
    # Nobody gave the key: that the attachment does not open says nothing about it.
    with suppress(FailedDecryption):
        reader.close()
    check_compression(message)
    if not message.is_ping:
        check_participants(message)


def _judge_payload(received: ReceivedMessage) -> Sbdh | None:
    """Return the business header of *received*, None for a ping, whose payload needs none."""
    if not received.attachment_digest:
        return None
    envelope = inflate_payload(received.payload or b"", compressed=received.compressed)
    return None if received.user_message.is_ping else read_header(envelope)
