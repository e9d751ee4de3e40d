"""Each attempt to send a message: committed before its first byte leaves, completed afterwards.

An attempt without an outcome is one that a crash interrupted: whether it reached the peer is not
known.  The first attempt is stored with the sealed message (`gateway.store.messages.sealed`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from gateway.store.pool import Transaction

__all__ = ["Attempt", "Ending", "finish_attempts", "list_attempts", "start_attempts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The *number*-th attempt at a message, from one on, and what the peer answered."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    phase: str | None
    detail: str | None
    answer: bytes | None = field(repr=False)
    answer_content_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How attempt *number* at a message ended, and the peer's answer if there was one.

    With the *outcome* `receipt` the answer is the receipt for the message, verified.
    """

    message_row_id: UUID
    number: int
    at: datetime
    outcome: str
    phase: str | None = None
    detail: str | None = None
    answer: bytes | None = field(default=None, repr=False)
    answer_content_type: str | None = None


START = """
WITH counted AS (
    UPDATE messages SET attempt_count = attempt_count + 1
    WHERE id = ANY($1::uuid[]) AND dossier_id = $2 AND direction = 'out'
    RETURNING id, attempt_count
)
INSERT INTO attempts (message_row_id, number, dossier_id, started_at)
SELECT id, attempt_count, $2, $3 FROM counted
RETURNING message_row_id, number
"""


async def start_attempts(
    tx: Transaction, message_row_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, int]:
    """Record that another attempt at each message begins, and return their numbers.

    Raises LookupError if this dossier has not all of these messages.
    """
    rows = await tx.connection.fetch(START, message_row_ids, tx.dossier_id, now)
    numbers = {row["message_row_id"]: row["number"] for row in rows}
    if missing := set(message_row_ids) - numbers.keys():
        raise LookupError(f"no outbound messages {sorted(missing)} in this dossier")
    return numbers


FINISH = """
UPDATE attempts a SET finished_at = e.at, outcome = e.outcome, phase = e.phase, detail = e.detail,
    answer = e.answer, answer_content_type = e.answer_content_type
FROM unnest($2::attempt_ending[]) AS e
-- The condition on $3 keeps the planner from reading the whole table.
WHERE a.message_row_id = e.message_row_id AND a.message_row_id = ANY($3::uuid[])
  AND a.number = e.number AND a.dossier_id = $1
"""


async def finish_attempts(tx: Transaction, endings: Sequence[Ending]) -> None:
    """Record how attempts ended."""
    await tx.connection.execute(
        FINISH,
        tx.dossier_id,
        [
            (
                each.message_row_id,
                each.number,
                each.at,
                each.outcome,
                each.phase,
                each.detail,
                each.answer,
                each.answer_content_type,
            )
            for each in endings
        ],
        [each.message_row_id for each in endings],
    )


async def list_attempts(tx: Transaction, message_row_id: UUID) -> list[Attempt]:
    """Return the attempts at a message, the first one first."""
    rows = await tx.connection.fetch(
        "SELECT number, started_at, finished_at, outcome, phase, detail, answer,"
        " answer_content_type FROM attempts"
        " WHERE message_row_id = $1 AND dossier_id = $2 ORDER BY number",
        message_row_id,
        tx.dossier_id,
    )
    return [Attempt(**dict(row)) for row in rows]
