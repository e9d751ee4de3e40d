"""What the jobs that send documents read and write, for a whole batch in one statement each.

A document costs its share of a batch: one statement reads it before an attempt; status, timeline,
sealed message and attempt commit together before the first byte leaves, and again afterwards.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.store.documents import COLUMNS, Content, Document, Event, Step, document_of, event_of
from gateway.store.messages.stored import COLUMNS as MESSAGE_COLUMNS
from gateway.store.messages.stored import StoredMessage, stored_message
from gateway.store.pool import Transaction

__all__ = ["Move", "Outgoing", "load_outgoing", "move_documents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A document to send: the message sealed for it if there is one, else what is to be sealed.

    *country* and *is_test* are the dossier's; *events* is the timeline so far.
    """

    document: Document
    country: str
    is_test: bool
    content: Content | None
    message: StoredMessage | None
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move of a document from one status to another, and what its timeline says of it."""

    document_id: UUID
    from_status: str
    to_status: str
    steps: Sequence[Step]
    at: datetime
    instance_identifier: str | None = None


# Of which nothing is told but its acceptance and check, that has neither been tried nor sealed.
DOCUMENTS = f"""
SELECT {COLUMNS}, content_file,
    EXISTS (
        SELECT FROM document_events e WHERE e.dossier_id = $1 AND e.document_id = documents.id
            AND e.seq > 1 AND e.name NOT IN ('checked', 'not_checked')
    ) AS was_tried,
    CASE WHEN status = 'accepted' THEN content END AS content,
    (SELECT country FROM dossiers WHERE id = $1) AS country,
    (SELECT is_test FROM dossiers WHERE id = $1) AS is_test
FROM documents WHERE dossier_id = $1 AND direction = 'out' AND id = ANY($2::uuid[])
"""

MESSAGES = f"""
SELECT DISTINCT ON (document_id) {MESSAGE_COLUMNS} FROM messages
WHERE dossier_id = $1 AND direction = 'out' AND document_id = ANY($2::uuid[])
ORDER BY document_id, created_at DESC, id DESC
"""

EVENTS = """
SELECT document_id, seq, at, name, detail FROM document_events
WHERE dossier_id = $1 AND document_id = ANY($2::uuid[]) ORDER BY document_id, seq
"""

MOVE = """
WITH moved AS (
    UPDATE documents d SET status = m.to_status, event_count = d.event_count + m.steps,
        instance_identifier = coalesce(m.instance_identifier, d.instance_identifier),
        updated_at = m.at, changed = gateway_place(pg_current_xact_id())
    FROM unnest($2::document_move[]) AS m
    -- The condition on $3 looks superfluous; without it the planner may read the whole table.
    WHERE d.id = m.id AND d.id = ANY($3::uuid[]) AND d.dossier_id = $1
      AND d.status = m.from_status
    RETURNING d.id, d.event_count - m.steps AS before
), told AS (
    INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail)
    SELECT moved.id, moved.before + t.nth, $1, t.at, t.name, t.detail::jsonb
    FROM unnest($4::document_step[]) AS t JOIN moved USING (id)
)
SELECT id FROM moved
"""


async def load_outgoing(tx: Transaction, document_ids: Sequence[UUID]) -> dict[UUID, Outgoing]:
    """Return those of the documents that this dossier sends, by their id."""
    rows = await tx.connection.fetch(DOCUMENTS, tx.dossier_id, document_ids)
    tried = [row["id"] for row in rows if row["was_tried"]]
    messages: dict[UUID, StoredMessage] = {}
    events: dict[UUID, list[Event]] = {}
    if tried:
        for row in await tx.connection.fetch(MESSAGES, tx.dossier_id, tried):
            messages[row["document_id"]] = stored_message(row)
        for row in await tx.connection.fetch(EVENTS, tx.dossier_id, tried):
            events.setdefault(row["document_id"], []).append(event_of(row))
    return {
        row["id"]: Outgoing(
            document=document_of(row),
            country=row["country"],
            is_test=row["is_test"],
            content=_content(row),
            message=messages.get(row["id"]),
            events=events.get(row["id"], ()),
        )
        for row in rows
    }


async def move_documents(tx: Transaction, moves: Sequence[Move]) -> set[UUID]:
    """Make each of *moves* whose document stands where it begins; return those documents.

    No two *moves* are of one document; each has a step to tell.  Of two that try the same move at
    once, one succeeds.
    """
    steps = [
        (move.document_id, nth, step.at, step.name, msgspec.json.encode(step.detail).decode())
        for move in moves
        for nth, step in enumerate(move.steps, start=1)
    ]
    rows = await tx.connection.fetch(
        MOVE,
        tx.dossier_id,
        [
            (
                move.document_id,
                move.from_status,
                move.to_status,
                len(move.steps),
                move.instance_identifier,
                move.at,
            )
            for move in moves
        ],
        [move.document_id for move in moves],
        steps,
    )
    return {row["id"] for row in rows}


def _content(row: Mapping[str, Any]) -> Content | None:
    """Return what is to be sealed; a document that was sealed before has it in its message."""
    if row["status"] != "accepted":
        return None
    return Content(row["content"], row["content_file"])
