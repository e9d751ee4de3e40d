"""Sealed messages: what will be sent, stored before its first byte leaves.

A retry sends the same bytes.  When only the receiver's certificate changed, the encryption is
renewed and everything that was signed stays.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec

from gateway.store.messages.stored import identity_key, instance_key
from gateway.store.pool import Transaction

__all__ = ["SealedRow", "SealedWire", "insert_sealed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedWire:
    """The body of a sealed message and whom it is encrypted for.

    Exactly one of *wire* and *wire_file* is given; *signed_metadata* is the SMP's answer,
    which many messages share.
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


INSERT = """
WITH sealed AS MATERIALIZED (
    SELECT * FROM unnest($2::sealed_message[])
), stored AS (
    INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap,
        receiving_ap, identity, instance, document_digest, attachment_digest, content_type,
        wire, wire_file, wire_length, attachment_offset, attachment_length, transfer_encoding,
        content_key, compressed, endpoint_address, endpoint_certificate, smp_url,
        smp_answer_sha256, signed_references, attempt_count, created_at)
    SELECT id, $1, document_id, 'out', message_id, sending_ap, receiving_ap, identity, instance,
        '', attachment_digest, content_type, wire, wire_file, wire_length, attachment_offset,
        attachment_length, 'binary', content_key, true, endpoint_address, endpoint_certificate,
        smp_url, smp_answer_sha256, signed_references::jsonb, 1, sealed_at
    FROM sealed
)
INSERT INTO attempts (message_row_id, number, dossier_id, started_at)
SELECT id, 1, $1, sealed_at FROM sealed
"""


KEEP_ANSWER = """
INSERT INTO smp_answers (sha256, body) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""


async def insert_sealed(
    tx: Transaction,
    rows: Sequence[SealedRow],
    *,
    renewed: Mapping[UUID, SealedWire] = MappingProxyType({}),
) -> None:
    """Store *rows* for documents of this dossier, each with its first attempt.

    No message is sealed but to be sent at once.  *renewed* are bodies for messages that are there,
    by their row ids: the same messages, encrypted anew.
    """
    answers = await _keep_answers(tx, [*(row.body for row in rows), *renewed.values()])
    if rows:
        await tx.connection.execute(INSERT, tx.dossier_id, [_sealed(row, answers) for row in rows])
    for message_row_id, body in renewed.items():
        await _replace(tx, message_row_id, body, answers)


async def _keep_answers(tx: Transaction, bodies: Sequence[SealedWire]) -> dict[bytes, bytes]:
    """Store each SMP's answer that *bodies* have, once; return its digest by what it says."""
    found = {body.signed_metadata for body in bodies if body.signed_metadata is not None}
    digests = {answer: hashlib.sha256(answer).digest() for answer in found}
    # Everybody in the same order, so that two transactions wait for, not on, each other.
    for answer, digest in sorted(digests.items(), key=itemgetter(1)):
        await tx.connection.execute(KEEP_ANSWER, digest, answer)
    return digests


def _sealed(row: SealedRow, answers: Mapping[bytes, bytes]) -> tuple[object, ...]:
    """Return *row* as a `sealed_message`, the type that INSERT takes."""
    return (
        row.message_row_id,
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
        answers.get(row.body.signed_metadata or b""),
        msgspec.json.encode(row.signed_references).decode(),
        row.sealed_at,
    )


async def _replace(
    tx: Transaction, message_row_id: UUID, body: SealedWire, answers: Mapping[bytes, bytes]
) -> None:
    await tx.connection.execute(
        """
        UPDATE messages SET content_type = $3, wire = $4, wire_file = $5, wire_length = $6,
            attachment_offset = $7, attachment_length = $8, content_key = $9,
            endpoint_address = $10, endpoint_certificate = $11, smp_url = $12,
            smp_answer_sha256 = $13
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
        answers.get(body.signed_metadata or b""),
    )
