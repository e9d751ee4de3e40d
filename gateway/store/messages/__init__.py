"""AS4 messages as they were on the wire: received, sealed for sending, and each attempt to send."""

from gateway.store.messages.attempts import (
    Attempt,
    Ending,
    finish_attempts,
    list_attempts,
    start_attempts,
)
from gateway.store.messages.received import InboundRow, Outcome, receive_batch
from gateway.store.messages.sealed import SealedRow, SealedWire, insert_sealed
from gateway.store.messages.stored import (
    StoredMessage,
    find_by_instance,
    find_message,
    list_messages,
)

__all__ = [
    "Attempt",
    "Ending",
    "InboundRow",
    "Outcome",
    "SealedRow",
    "SealedWire",
    "StoredMessage",
    "find_by_instance",
    "find_message",
    "finish_attempts",
    "insert_sealed",
    "list_attempts",
    "list_messages",
    "receive_batch",
    "start_attempts",
]
