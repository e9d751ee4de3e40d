"""Dossiers: one company's books each.  (Dutch: *dossier*.)"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.store.pool import Database, Transaction

__all__ = ["Dossier", "ensure_default_dossier", "get_dossier"]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A company that uses the gateway; *country* is where it says it is, two letters."""

    id: UUID
    name: str
    country: str


async def ensure_default_dossier(
    db: Database, *, dossier_id: UUID, name: str, country: str, now: datetime
) -> Dossier:
    """Return the one default dossier; make it, as given, if there is none.

    Any number of processes may do this at once and get the same one.
    """
    async with db.exchange() as xtx:
        await xtx.connection.execute(
            "INSERT INTO dossiers (id, name, country, is_default, created_at)"
            " VALUES ($1, $2, $3, true, $4) ON CONFLICT DO NOTHING",
            dossier_id,
            name,
            country,
            now,
        )
        row = await xtx.connection.fetchrow(
            "SELECT id, name, country FROM dossiers WHERE is_default"
        )
    return Dossier(row["id"], row["name"], row["country"])


async def get_dossier(tx: Transaction) -> Dossier:
    """Return the transaction's dossier; LookupError if there is no such dossier."""
    row = await tx.connection.fetchrow(
        "SELECT id, name, country FROM dossiers WHERE id = $1", tx.dossier_id
    )
    if row is None:
        raise LookupError(f"no dossier {tx.dossier_id}")
    return Dossier(row["id"], row["name"], row["country"])
