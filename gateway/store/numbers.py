"""Which number of whom stands on which document: the guard against sending one twice.

A number is held by the newest document that bears it.  One whose sending failed for good gives it
up to the next, unless an attempt may have reached the receiver.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.store.pool import Transaction

__all__ = ["Number", "find_holders", "hold_number"]


class Number(NamedTuple):
    """What makes two documents the same one to a bookkeeper.

    The *number* is one of *sender*'s, on a document of *kind* (Invoice, …) dated in *year*.
    """

    sender: str
    kind: str
    number: str
    year: int


# The documents are read as they stood when the statement began: of one that another transaction
# stored since then nobody says that it failed, so it keeps its number. The one that gives it up is
# locked and read as it stands: it may be tried again at this moment.
HOLD = """
INSERT INTO document_numbers AS n (dossier_id, sender, kind, number, year, document_id)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (dossier_id, sender, kind, number, year)
DO UPDATE SET document_id = excluded.document_id
WHERE $7 OR (
    SELECT CASE WHEN d.status IN ('gave_up', 'failed') THEN NOT EXISTS (
        SELECT FROM messages m JOIN attempts a ON a.message_row_id = m.id
        WHERE m.document_id = d.id AND m.dossier_id = $1 AND a.dossier_id = $1
          AND (a.outcome IS NULL OR a.outcome <> ALL($8::text[]))
    ) ELSE d.status IN ('refused', 'broken') END
    FROM documents d WHERE d.id = n.document_id AND d.dossier_id = $1
    FOR NO KEY UPDATE OF d
)
RETURNING true
"""


async def hold_number(
    tx: Transaction,
    number: Number,
    document_id: UUID,
    *,
    anyway: bool = False,
    harmless: Collection[str] = (),
) -> UUID | None:
    """Let the document hold *number*; return the document that holds it already, or None.

    With *anyway* the new one holds it in any case.  *harmless* are the outcomes of attempts after
    which the receiver certainly has not got the message.  Of several transactions that ask for one
    number at once, all but the first wait until it has ended.
    """
    held = await tx.connection.fetchval(HOLD, tx.dossier_id, *number, document_id, anyway, harmless)
    if held:
        return None
    holder: UUID = await tx.connection.fetchval(
        "SELECT document_id FROM document_numbers WHERE dossier_id = $1 AND sender = $2"
        " AND kind = $3 AND number = $4 AND year = $5",
        tx.dossier_id,
        *number,
    )
    return holder


async def find_holders(
    tx: Transaction, senders: Sequence[str], kind: str, number: str
) -> list[UUID]:
    """Return the documents of any year that hold *number* of one of *senders*."""
    rows = await tx.connection.fetch(
        "SELECT document_id FROM document_numbers WHERE dossier_id = $1"
        " AND sender = ANY($2::text[]) AND kind = $3 AND number = $4 LIMIT 100",
        tx.dossier_id,
        senders,
        kind,
        number,
    )
    return [row["document_id"] for row in rows]
