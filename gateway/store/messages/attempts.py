"""Each attempt to send a message: committed before its first byte leaves, completed afterwards.

An attempt without an outcome is one that a crash interrupted: whether it reached the peer is not
known.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from gateway.store.pool import Transaction

__all__ = ["Attempt", "finish_attempt", "list_attempts", "record_receipt", "start_attempt"]


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


async def start_attempt(tx: Transaction, message_row_id: UUID, *, now: datetime) -> int:
    """Record that an attempt begins, and return its number.

    Raises LookupError if this dossier has no such message.
    """
    number = await tx.connection.fetchval(
        """
        WITH counted AS (
            UPDATE messages SET attempt_count = attempt_count + 1
            WHERE id = $1 AND dossier_id = $2 AND direction = 'out'
            RETURNING attempt_count
        )
        INSERT INTO attempts (message_row_id, number, dossier_id, started_at)
        SELECT $1, attempt_count, $2, $3 FROM counted
        RETURNING number
        """,
        message_row_id,
        tx.dossier_id,
        now,
    )
    if number is None:
        raise LookupError(f"no outbound message {message_row_id} in this dossier")
    return int(number)


async def finish_attempt(  # noqa: PLR0913 - the columns of one row
    tx: Transaction,
    message_row_id: UUID,
    number: int,
    *,
    outcome: str,
    now: datetime,
    phase: str | None = None,
    detail: str | None = None,
    answer: bytes | None = None,
    answer_content_type: str | None = None,
) -> None:
    """Record how attempt *number* ended, and the answer as it came."""
    await tx.connection.execute(
        "UPDATE attempts SET finished_at = $4, outcome = $5, phase = $6, detail = $7,"
        " answer = $8, answer_content_type = $9"
        " WHERE message_row_id = $1 AND number = $2 AND dossier_id = $3",
        message_row_id,
        number,
        tx.dossier_id,
        now,
        outcome,
        phase,
        detail,
        answer,
        answer_content_type,
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


async def record_receipt(
    tx: Transaction, message_row_id: UUID, *, receipt: bytes, content_type: str
) -> None:
    """Keep the verified receipt beside the message that it is for."""
    await tx.connection.execute(
        "UPDATE messages SET receipt = $3, receipt_content_type = $4"
        " WHERE id = $1 AND dossier_id = $2 AND direction = 'out'",
        message_row_id,
        tx.dossier_id,
        receipt,
        content_type,
    )
