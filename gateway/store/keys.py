"""API keys: SHA-256 of each key, and the dossier it opens.  The key itself is never stored."""

from datetime import datetime
from uuid import UUID

from gateway.store.pool import Database, Transaction

__all__ = ["find_api_key", "insert_api_key"]


async def insert_api_key(tx: Transaction, *, key_hash: bytes, name: str, now: datetime) -> None:
    """Let the key with the SHA-256 *key_hash* open the transaction's dossier.

    Harmless when it does already.
    """
    await tx.connection.execute(
        "INSERT INTO api_keys (key_hash, dossier_id, name, created_at)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        key_hash,
        tx.dossier_id,
        name,
        now,
    )


async def find_api_key(db: Database, key_hash: bytes) -> UUID | None:
    """Return the dossier that the key with the SHA-256 *key_hash* opens, or None."""
    async with db.exchange_statements() as xtx:
        found: UUID | None = await xtx.connection.fetchval(
            "SELECT dossier_id FROM api_keys WHERE key_hash = $1", key_hash
        )
    return found
