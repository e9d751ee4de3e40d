"""What the job behind a receipt reads and writes, for a whole batch in one statement each.

A receipt's batch has up to a hundred documents; a handful of statements for each would cost the
database more than receiving them did.  The status, the facts and the timeline commit together, and
only for documents that are still to be delivered, so a repeated job writes nothing.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.store.documents import Step
from gateway.store.messages.stored import INBOUND_COLUMNS, StoredMessage, stored_message
from gateway.store.pool import Transaction

__all__ = ["Finished", "finish_received", "list_waiting"]

WAITING = f"""
SELECT {INBOUND_COLUMNS} FROM messages m
WHERE m.document_id = ANY($2::uuid[]) AND m.dossier_id = $1 AND m.direction = 'in'
  AND NOT m.is_repeat AND EXISTS (
    SELECT FROM documents d
    WHERE d.id = m.document_id AND d.dossier_id = $1 AND d.status = 'received'
  )
ORDER BY m.created_at, m.id
"""

FINISH = """
WITH input AS MATERIALIZED (
    SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bigint[],
        $9::text[], $10::boolean[], $11::text[])
    AS t (id, status, kind, number, content_sha256, size_bytes, steps, valid, report)
), moved AS (
    UPDATE documents d SET status = i.status, kind = i.kind, number = i.number,
        content_sha256 = i.content_sha256, size_bytes = i.size_bytes, valid = i.valid,
        report = i.report::jsonb, updated_at = $2, changed = gateway_place(pg_current_xact_id()),
        arrived = gateway_place(pg_current_xact_id()),
        event_count = d.event_count + jsonb_array_length(i.steps::jsonb)
    FROM input i WHERE d.id = i.id AND d.dossier_id = $1 AND d.status = 'received'
    RETURNING d.id, d.event_count, i.steps::jsonb AS steps
), told AS (
    INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail)
    SELECT m.id, m.event_count - jsonb_array_length(m.steps) + s.position, $1,
        (s.step->>'at')::timestamptz, s.step->>'name', s.step->'detail'
    FROM moved m, jsonb_array_elements(m.steps) WITH ORDINALITY AS s (step, position)
)
SELECT id FROM moved
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A received document as it turned out: its *status* from now on, facts and timeline.

    *valid* and *report* are what a check of it found; None where it could not be read.
    """

    document_id: UUID
    status: str
    kind: str | None
    number: str | None
    content_sha256: bytes | None
    size_bytes: int | None
    steps: Sequence[Step]
    valid: bool | None = None
    report: Mapping[str, Any] | None = None


async def list_waiting(tx: Transaction, document_ids: Sequence[UUID]) -> list[StoredMessage]:
    """Return the messages of those documents that are still to be delivered."""
    rows = await tx.connection.fetch(WAITING, tx.dossier_id, list(document_ids))
    return [stored_message(row) for row in rows]


async def finish_received(
    tx: Transaction, finished: Sequence[Finished], *, now: datetime
) -> set[UUID]:
    """Write what became of received documents; return those that were still to be delivered."""
    # Everybody takes the rows in the same order, so that two jobs wait for, not on, each other.
    ordered = sorted(finished, key=lambda one: one.document_id)
    rows = await tx.connection.fetch(
        FINISH,
        tx.dossier_id,
        now,
        [one.document_id for one in ordered],
        [one.status for one in ordered],
        [one.kind for one in ordered],
        [one.number for one in ordered],
        [one.content_sha256 for one in ordered],
        [one.size_bytes for one in ordered],
        [msgspec.json.encode(one.steps).decode() for one in ordered],
        [one.valid for one in ordered],
        [one.report and msgspec.json.encode(one.report).decode() for one in ordered],
    )
    return {row["id"] for row in rows}
