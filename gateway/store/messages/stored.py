"""A stored message, whichever way it went, and how to find it again."""

# ruff: noqa: S608 - names of columns are spliced in, values never

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.store.pool import ExchangeTransaction, Transaction

__all__ = [
    "StoredMessage",
    "find_by_instance",
    "find_message",
    "identity_key",
    "instance_key",
    "list_messages",
]

_OWN_COLUMNS = """id, dossier_id, document_id, direction, is_repeat, message_id, sending_ap,
    receiving_ap, document_digest, attachment_digest, content_type, wire, wire_file, wire_length,
    attachment_offset, attachment_length, transfer_encoding, content_key, compressed,
    endpoint_address, endpoint_certificate, smp_url, signed_references, attempt_count, created_at"""

INBOUND_COLUMNS = f"""{_OWN_COLUMNS}, receipt,
    NULL::text AS receipt_content_type, NULL::bytea AS signed_metadata"""

_RECEIPT = "FROM attempts a WHERE a.message_row_id = messages.id AND a.outcome = 'receipt' LIMIT 1"

# The receipt for an outbound message is the answer to one of its attempts.
COLUMNS = f"""{_OWN_COLUMNS},
    coalesce(receipt, (SELECT answer {_RECEIPT})) AS receipt,
    CASE direction WHEN 'out' THEN (SELECT answer_content_type {_RECEIPT}) END
        AS receipt_content_type,
    (SELECT body FROM smp_answers s WHERE s.sha256 = smp_answer_sha256) AS signed_metadata"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message with its body, or the name of the archive file that has it.

    The attachment lies at *attachment_offset* in the body, *attachment_length* bytes long in its
    *transfer_encoding*, and opens with *content_key*.  The endpoint, SMP and reference fields are
    of outbound messages.
    """

    id: UUID
    dossier_id: UUID
    document_id: UUID
    direction: str
    is_repeat: bool
    message_id: str
    sending_ap: str
    receiving_ap: str
    document_digest: bytes
    attachment_digest: bytes
    content_type: str
    wire: bytes | None = field(repr=False)
    wire_file: str | None
    wire_length: int
    attachment_offset: int
    attachment_length: int
    transfer_encoding: str
    content_key: bytes = field(repr=False)
    compressed: bool
    receipt: bytes | None = field(repr=False)
    receipt_content_type: str | None
    endpoint_address: str | None
    endpoint_certificate: bytes | None = field(repr=False)
    smp_url: str | None
    signed_metadata: bytes | None = field(repr=False)
    signed_references: Any
    attempt_count: int
    created_at: datetime


def identity_key(sending_ap: str, message_id: str) -> bytes:
    """Return what makes a message one: 32 bytes for the access point that signed, and MessageId."""
    return _digest(sending_ap, message_id)


def instance_key(sending_ap: str, sender: str, receiver: str, instance_identifier: str) -> bytes:
    """Return what makes a business envelope one, in 32 bytes.  [SBDH]

    Participants compare without regard to case.  [PEPPOL-ID]
    """
    return _digest(sending_ap, sender.lower(), receiver.lower(), instance_identifier)


async def find_message(tx: Transaction, document_id: UUID) -> StoredMessage | None:
    """Return the message that carries the document: the one it came in, or the last one sealed."""
    rows = await _select(tx, "document_id = $2 AND NOT is_repeat", document_id)
    return rows[-1] if rows else None


async def list_messages(tx: Transaction, document_id: UUID) -> list[StoredMessage]:
    """Return all messages with the document, repeated ones too, the first one first."""
    return await _select(tx, "document_id = $2", document_id)


async def find_by_instance(
    xtx: ExchangeTransaction,
    sending_ap: str,
    sender: str,
    receiver: str,
    instance_identifier: str,
) -> list[StoredMessage]:
    """Return the received messages with this business envelope, without mere repeats.

    More than one means that a peer used an instance identifier for several documents.
    """
    rows = await xtx.connection.fetch(
        f"SELECT {INBOUND_COLUMNS} FROM messages"
        " WHERE direction = 'in' AND NOT is_repeat AND instance = $1 ORDER BY created_at, id",
        instance_key(sending_ap, sender, receiver, instance_identifier),
    )
    return [stored_message(row) for row in rows]


def stored_message(row: Any) -> StoredMessage:
    """Make a StoredMessage of a row with COLUMNS or INBOUND_COLUMNS."""
    values = dict(row)
    if values["signed_references"] is not None:
        values["signed_references"] = msgspec.json.decode(values["signed_references"])
    return StoredMessage(**values)


async def _select(tx: Transaction, condition: str, document_id: UUID) -> list[StoredMessage]:
    rows = await tx.connection.fetch(
        f"SELECT {COLUMNS} FROM messages WHERE dossier_id = $1 AND {condition}"
        " ORDER BY created_at, id",
        tx.dossier_id,
        document_id,
    )
    return [stored_message(row) for row in rows]


def _digest(*parts: str) -> bytes:
    # Length first: no two lists of parts can spell the same text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).digest()
