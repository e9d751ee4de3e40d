"""Storing what was received, before the receipt leaves.

Each batch is one statement: messages, documents, and one job for all of them.  The unique indexes
decide what is new, also between processes and between two copies in flight; a statement that meets
a key of another transaction waits until that one has committed.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from gateway.store.jobs import Job
from gateway.store.messages.stored import identity_key, instance_key
from gateway.store.pool import ExchangeTransaction

__all__ = ["InboundRow", "Outcome", "receive_batch"]

DEADLOCK_TRIES_MAX = 5
"""LIMIT: how often a batch is tried that crosses another one in both unique indexes."""


class Outcome(StrEnum):
    """What became of a received message; a receipt may leave for STORED and DUPLICATE only."""

    STORED = "stored"
    """New, and committed."""
    DUPLICATE = "duplicate"
    """The same access point sent the same MessageId with the same attachment before."""
    CONFLICT = "conflict"
    """The same access point used the MessageId for another attachment."""
    INSTANCE_KNOWN = "instance-known"
    """The business envelope is here under another MessageId; nothing was stored.

    The caller compares the documents (`find_by_instance`) and comes back: with *repeats* set if it
    is one of those, with its *document_digest* if it is another one.
    """


@dataclass(slots=True, kw_only=True)
class InboundRow:
    """A verified message to store; exactly one of *wire* and *wire_file* is given.

    *document_digest* stays empty until a comparison was needed; *flags* go to the document.
    *repeats* is the document that this message carries once more: then the message alone is
    stored, and *document_id* does not count.  Nobody changes a row; to freeze it would double what
    it costs to make one for every message.
    """

    document_id: UUID
    message_row_id: UUID
    dossier_id: UUID
    message_id: str
    sending_ap: str
    receiving_ap: str
    sender: str
    receiver: str
    document_type: str
    process: str
    instance_identifier: str
    attachment_digest: bytes
    content_type: str
    wire: bytes | None = field(repr=False)
    wire_length: int
    attachment_offset: int
    attachment_length: int
    transfer_encoding: str
    content_key: bytes = field(repr=False)
    compressed: bool
    receipt: bytes = field(repr=False)
    received_at: datetime
    document_digest: bytes = b""
    wire_file: str | None = None
    flags: tuple[str, ...] = ()
    repeats: UUID | None = None


RECEIVE = f"""
WITH input AS MATERIALIZED (
    SELECT * FROM unnest($1::arriving_message[])
), stored AS (
    INSERT INTO messages (id, document_id, dossier_id, direction, is_repeat, message_id,
        sending_ap, receiving_ap, identity, instance, document_digest, attachment_digest,
        content_type, wire, wire_file, wire_length, attachment_offset, attachment_length,
        transfer_encoding, content_key, compressed, receipt, created_at)
    SELECT id, document_id, dossier_id, 'in', is_repeat, message_id, sending_ap, receiving_ap,
        identity, instance, document_digest, attachment_digest, content_type, wire, wire_file,
        wire_length, attachment_offset, attachment_length, transfer_encoding, content_key,
        compressed, receipt, received_at
    FROM input
    WHERE is_repeat OR document_digest <> '' OR NOT EXISTS (
        SELECT FROM messages m
        WHERE m.direction = 'in' AND NOT m.is_repeat AND m.instance = input.instance
        OFFSET 0  -- or the planner would hash the whole table to look for a handful of rows
    )
    ON CONFLICT DO NOTHING
    RETURNING id
), document AS (
    INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
        process, instance_identifier, flags, options, created_at, updated_at)
    SELECT document_id, dossier_id, 'in', 'received', sender, receiver, document_type, process,
        instance_identifier, flags, '{{}}', received_at, received_at
    FROM input JOIN stored USING (id) WHERE NOT is_repeat
), job AS (
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    SELECT 0, '{Job.PROCESS_RECEIVED}', convert_to(json_build_object('documents',
        json_agg(json_build_array(dossier_id, document_id)))::text, 'UTF8'), 'queued'
    FROM input JOIN stored USING (id) WHERE NOT is_repeat HAVING count(*) > 0
)
SELECT id FROM stored
"""

EARLIER = """
SELECT identity, attachment_digest FROM messages
WHERE direction = 'in' AND identity = ANY($1::bytea[])
"""


async def receive_batch(xtx: ExchangeTransaction, rows: Sequence[InboundRow]) -> list[Outcome]:
    """Store *rows* and enqueue their processing; return what became of each, in their order.

    With a connection of `Database.exchange_statements` all of it is committed on return, in one
    round trip unless something was there before.  A timeline starts with the job, not here.
    """
    if not rows:
        return []
    # Everybody inserts in the same order, so that two batches wait for, not on, each other.
    ordered = sorted(rows, key=lambda row: (row.sending_ap, row.message_id))
    stored = await _store(xtx, ordered)
    missing = [row for row in rows if row.message_row_id not in stored]
    earlier = await _earlier(xtx, missing) if missing else {}
    return [
        Outcome.STORED if row.message_row_id in stored else _outcome(row, earlier) for row in rows
    ]


async def _store(xtx: ExchangeTransaction, rows: Sequence[InboundRow]) -> set[UUID]:
    arriving = [_arriving(row) for row in rows]
    for _ in range(DEADLOCK_TRIES_MAX):
        try:
            return {row["id"] for row in await xtx.connection.fetch(RECEIVE, arriving)}
        except asyncpg.DeadlockDetectedError:
            # Only the order of the second unique index is left to chance; once more, unless the
            # caller's own transaction is lost with it.
            if xtx.connection.is_in_transaction():
                raise
    return {row["id"] for row in await xtx.connection.fetch(RECEIVE, arriving)}


async def _earlier(xtx: ExchangeTransaction, rows: Sequence[InboundRow]) -> dict[bytes, bytes]:
    identities = [identity_key(row.sending_ap, row.message_id) for row in rows]
    found = await xtx.connection.fetch(EARLIER, identities)
    return {row["identity"]: row["attachment_digest"] for row in found}


def _outcome(row: InboundRow, earlier: dict[bytes, bytes]) -> Outcome:
    digest = earlier.get(identity_key(row.sending_ap, row.message_id))
    if digest is None:
        return Outcome.INSTANCE_KNOWN
    return Outcome.DUPLICATE if digest == row.attachment_digest else Outcome.CONFLICT


def _arriving(row: InboundRow) -> tuple[object, ...]:
    """Return *row* as an `arriving_message`, the type that RECEIVE takes."""
    return (
        row.message_row_id,
        row.repeats or row.document_id,
        row.dossier_id,
        row.repeats is not None,
        row.message_id,
        row.sending_ap,
        row.receiving_ap,
        row.sender,
        row.receiver,
        row.document_type,
        row.process,
        row.instance_identifier,
        identity_key(row.sending_ap, row.message_id),
        instance_key(row.sending_ap, row.sender, row.receiver, row.instance_identifier),
        row.document_digest,
        row.attachment_digest,
        row.content_type,
        row.wire,
        row.wire_file,
        row.wire_length,
        row.attachment_offset,
        row.attachment_length,
        row.transfer_encoding,
        row.content_key,
        row.compressed,
        row.receipt,
        row.received_at,
        row.flags,
    )
