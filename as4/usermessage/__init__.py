"""The eb:UserMessage: who sends what to whom, read, checked and written.

`parse_user_message` checks structure as the ebMS schema does, `check_processing_mode` the values
that were agreed, `check_payload_info` that one attached payload is announced.
Whether the values are those of the business document is checked by `as4.business`.
"""

from as4.usermessage.kind import UserMessageKind
from as4.usermessage.reader import (
    check_payload_info,
    check_processing_mode,
    parse_message_id,
    parse_timestamp,
    parse_user_message,
)
from as4.usermessage.values import (
    FINAL_RECIPIENT,
    ORIGINAL_SENDER,
    Agreement,
    OutboundMessage,
    PartInfo,
    Party,
    PartyId,
    Property,
    Service,
    UserMessage,
)
from as4.usermessage.writer import build_message_info, build_user_message

__all__ = [
    "FINAL_RECIPIENT",
    "ORIGINAL_SENDER",
    "Agreement",
    "OutboundMessage",
    "PartInfo",
    "Party",
    "PartyId",
    "Property",
    "Service",
    "UserMessage",
    "UserMessageKind",
    "build_message_info",
    "build_user_message",
    "check_payload_info",
    "check_processing_mode",
    "parse_message_id",
    "parse_timestamp",
    "parse_user_message",
]
