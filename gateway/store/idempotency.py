"""Idempotency keys: a request that is repeated gets the first one's answer.

The key is claimed and finished in the transaction that does the work; where the work has none, the
claim is committed first.  The office's requests have a key space of their own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.store.pool import Database, OfficeTransaction, Transaction

__all__ = [
    "UNKEPT",
    "InFlight",
    "Mismatch",
    "Stored",
    "claim_key",
    "drop_key",
    "find_key",
    "finish_key",
    "forget_old_keys",
]

KEPT: Final = timedelta(days=7)
"""How long a request may be repeated."""
CLAIM_KEPT: Final = timedelta(
    minutes=5
)  # LIMIT: after this, a key may be claimed for another request.
FORGET_AT_ONCE: Final = 5_000
"""LIMIT: keys that one transaction forgets, and those of the last one's very instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The answer that the first request with this key got.

    *sealed*: *body* can be read with the API key alone that asked.
    """

    status: int
    body: bytes
    document_id: UUID | None = None
    content_type: str = "application/json"
    location: str | None = None
    sealed: bool = False


UNKEPT: Final = Stored(status=0, body=b"")
"""The first request was carried out, and its answer is not kept: it can be made again."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used before, with another request."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """The first request with this key is still being carried out."""


async def claim_key(
    tx: Transaction | OfficeTransaction,
    key: str,
    body_sha256: bytes,
    *,
    now: datetime,
    alone: bool = False,
) -> Stored | Mismatch | InFlight | None:
    """Claim *key* for the request with this digest; None says that the work is ours to do.

    *alone*: nobody else is carrying such a request out, so whoever claimed the key for it has died.
    """
    # Whoever has claimed the key holds the lock until he commits: nobody waits for him.
    claimed = await tx.connection.fetchval(
        "INSERT INTO idempotency_keys AS k (dossier_id, key, body_sha256, created_at)"
        " SELECT $1::uuid, $2::text, $3::bytea, $4::timestamptz"
        " WHERE pg_try_advisory_xact_lock(hashtextextended($1::uuid::text || $2, 0))"
        " ON CONFLICT (dossier_id, key) DO UPDATE"
        " SET body_sha256 = excluded.body_sha256, created_at = excluded.created_at"
        " WHERE k.status IS NULL"
        " AND (k.created_at < $5 OR ($6 AND k.body_sha256 = excluded.body_sha256))"
        " RETURNING true",
        tx.dossier_id,
        key,
        body_sha256,
        now,
        now - CLAIM_KEPT,
        alone,
    )
    if claimed:
        return None
    return await find_key(tx, key, body_sha256) or InFlight()


async def find_key(
    tx: Transaction | OfficeTransaction, key: str, body_sha256: bytes
) -> Stored | Mismatch | InFlight | None:
    """Return what became of the request with *key*, None where none is known; claims nothing."""
    row = await tx.connection.fetchrow(
        "SELECT body_sha256, status, body, document_id, content_type, location, sealed"
        " FROM idempotency_keys WHERE dossier_id = $1 AND key = $2",
        tx.dossier_id,
        key,
    )
    if row is None:
        return None
    if row["body_sha256"] != body_sha256:
        return Mismatch()
    if row["status"] is None:
        return InFlight()
    return Stored(
        status=row["status"],
        body=row["body"],
        document_id=row["document_id"],
        content_type=row["content_type"],
        location=row["location"],
        sealed=row["sealed"],
    )


async def finish_key(tx: Transaction | OfficeTransaction, key: str, answer: Stored) -> None:
    """Keep *answer* to the request that claimed *key*."""
    await tx.connection.execute(
        "UPDATE idempotency_keys SET status = $3, body = $4, document_id = $5, content_type = $6,"
        " location = $7, sealed = $8 WHERE dossier_id = $1 AND key = $2 AND status IS NULL",
        tx.dossier_id,
        key,
        answer.status,
        answer.body,
        answer.document_id,
        answer.content_type,
        answer.location,
        answer.sealed,
    )


async def drop_key(tx: Transaction | OfficeTransaction, key: str) -> None:
    """Give up a claim that was committed: the work came to nothing, and may be asked for again."""
    await tx.connection.execute(
        "DELETE FROM idempotency_keys WHERE dossier_id = $1 AND key = $2 AND status IS NULL",
        tx.dossier_id,
        key,
    )


async def forget_old_keys(db: Database, *, now: datetime) -> int:
    """Forget what nobody repeats any more, the oldest first; return how many keys went.

    No transaction of it takes long: it would hold up the events of all dossiers.
    """
    total = 0
    while True:
        async with db.exchange_statements() as xtx:
            gone = await xtx.connection.execute(
                "DELETE FROM idempotency_keys WHERE created_at <= (SELECT max(created_at) FROM"
                " (SELECT created_at FROM idempotency_keys WHERE created_at < $1"
                " ORDER BY created_at LIMIT $2) AS oldest)",
                now - KEPT,
                FORGET_AT_ONCE,
            )
        count = int(gone.rpartition(" ")[2])
        total += count
        if count < FORGET_AT_ONCE:
            return total
