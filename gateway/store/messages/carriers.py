"""Which message carries a document: its identifier alone, without the body."""

from collections.abc import Sequence
from uuid import UUID

from gateway.store.pool import Transaction

__all__ = ["find_message_ids"]


async def find_message_ids(tx: Transaction, document_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the MessageId of the message that carries each document, for those that have one.

    It is the message the document came in, or the last one sealed for it.
    """
    rows = await tx.connection.fetch(
        "SELECT DISTINCT ON (document_id) document_id, message_id FROM messages"
        " WHERE dossier_id = $1 AND document_id = ANY($2::uuid[]) AND NOT is_repeat"
        " ORDER BY document_id, created_at DESC, id DESC",
        tx.dossier_id,
        list(document_ids),
    )
    return {row["document_id"]: row["message_id"] for row in rows}
