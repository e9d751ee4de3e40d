"""AS4 messages as they were on the wire: received, sealed for sending, and each attempt to send."""

from gateway.store.messages.attempts import (
    Attempt,
    finish_attempt,
    list_attempts,
    record_receipt,
    start_attempt,
)
from gateway.store.messages.received import InboundRow, Outcome, receive_batch
from gateway.store.messages.sealed import SealedRow, SealedWire, insert_sealed, replace_sealed
from gateway.store.messages.stored import (
    StoredMessage,
    find_by_instance,
    find_message,
    list_messages,
)

__all__ = [
    "Attempt",
    "InboundRow",
    "Outcome",
    "SealedRow",
    "SealedWire",
    "StoredMessage",
    "find_by_instance",
    "find_message",
    "finish_attempt",
    "insert_sealed",
    "list_attempts",
    "list_messages",
    "receive_batch",
    "record_receipt",
    "replace_sealed",
    "start_attempt",
]
