"""Sealed messages: what will be sent, stored before its first byte leaves.

A retry sends the same bytes.  When only the receiver's certificate changed, the encryption is
renewed and everything that was signed stays.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.store.messages.stored import identity_key, instance_key
from gateway.store.pool import Transaction

__all__ = ["SealedRow", "SealedWire", "insert_sealed", "replace_sealed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedWire:
    """The body of a sealed message and whom it is encrypted for.

    Exactly one of *wire* and *wire_file* is given; *signed_metadata* is the SMP's answer.
    """

    content_type: str
    wire: bytes | None = field(repr=False)
    wire_file: str | None = None
    wire_length: int
    attachment_offset: int
    attachment_length: int
    content_key: bytes = field(repr=False)
    endpoint_address: str
    endpoint_certificate: bytes = field(repr=False)
    smp_url: str | None
    signed_metadata: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """A sealed message of a document; *signed_references* is what its receipt must repeat."""

    message_row_id: UUID
    document_id: UUID
    message_id: str
    sending_ap: str
    receiving_ap: str
    sender: str
    receiver: str
    instance_identifier: str
    attachment_digest: bytes
    signed_references: Any
    body: SealedWire
    sealed_at: datetime


async def insert_sealed(tx: Transaction, row: SealedRow) -> None:
    """Store *row* for a document of this dossier."""
    await tx.connection.execute(
        """
        INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap,
            receiving_ap, identity, instance, document_digest, attachment_digest, content_type,
            wire, wire_file, wire_length, attachment_offset, attachment_length, transfer_encoding,
            content_key, compressed, endpoint_address, endpoint_certificate, smp_url,
            signed_metadata, signed_references, created_at)
        VALUES ($1, $2, $3, 'out', $4, $5, $6, $7, $8, '', $9, $10, $11, $12, $13, $14, $15,
            'binary', $16, true, $17, $18, $19, $20, $21, $22)
        """,
        row.message_row_id,
        tx.dossier_id,
        row.document_id,
        row.message_id,
        row.sending_ap,
        row.receiving_ap,
        identity_key(row.sending_ap, row.message_id),
        instance_key(row.sending_ap, row.sender, row.receiver, row.instance_identifier),
        row.attachment_digest,
        row.body.content_type,
        row.body.wire,
        row.body.wire_file,
        row.body.wire_length,
        row.body.attachment_offset,
        row.body.attachment_length,
        row.body.content_key,
        row.body.endpoint_address,
        row.body.endpoint_certificate,
        row.body.smp_url,
        row.body.signed_metadata,
        msgspec.json.encode(row.signed_references).decode(),
        row.sealed_at,
    )


async def replace_sealed(tx: Transaction, message_row_id: UUID, body: SealedWire) -> None:
    """Put *body* in place of the message's body: the same message, encrypted anew."""
    await tx.connection.execute(
        """
        UPDATE messages SET content_type = $3, wire = $4, wire_file = $5, wire_length = $6,
            attachment_offset = $7, attachment_length = $8, content_key = $9,
            endpoint_address = $10, endpoint_certificate = $11, smp_url = $12,
            signed_metadata = $13
        WHERE id = $1 AND dossier_id = $2 AND direction = 'out'
        """,
        message_row_id,
        tx.dossier_id,
        body.content_type,
        body.wire,
        body.wire_file,
        body.wire_length,
        body.attachment_offset,
        body.attachment_length,
        body.content_key,
        body.endpoint_address,
        body.endpoint_certificate,
        body.smp_url,
        body.signed_metadata,
    )
