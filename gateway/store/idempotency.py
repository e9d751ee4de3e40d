"""Idempotency keys: a request that is repeated gets the first one's answer.

The key is claimed and finished in the same transaction that does the work.  A second request with
the key waits at `claim_key` until the first has committed or rolled back.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.store.pool import Transaction

__all__ = ["Mismatch", "Stored", "claim_key", "finish_key"]


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer the first request with this key got; *status* None: it never finished."""

    status: int | None
    body: bytes | None
    document_id: UUID | None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used before, with another body."""


async def claim_key(
    tx: Transaction, key: str, body_sha256: bytes, *, now: datetime
) -> Stored | Mismatch | None:
    """Claim *key* for a request with this body; None says that the work is ours to do."""
    claimed = await tx.connection.fetchval(
        "INSERT INTO idempotency_keys (dossier_id, key, body_sha256, created_at)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
        tx.dossier_id,
        key,
        body_sha256,
        now,
    )
    if claimed:
        return None
    row = await tx.connection.fetchrow(
        "SELECT body_sha256, status, body, document_id FROM idempotency_keys"
        " WHERE dossier_id = $1 AND key = $2",
        tx.dossier_id,
        key,
    )
    if row["body_sha256"] != body_sha256:
        return Mismatch()
    return Stored(row["status"], row["body"], row["document_id"])


async def finish_key(
    tx: Transaction, key: str, status: int, body: bytes, document_id: UUID | None
) -> None:
    """Keep the answer to the request that claimed *key*."""
    await tx.connection.execute(
        "UPDATE idempotency_keys SET status = $3, body = $4, document_id = $5"
        " WHERE dossier_id = $1 AND key = $2",
        tx.dossier_id,
        key,
        status,
        body,
        document_id,
    )
