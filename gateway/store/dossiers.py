"""Dossiers: one company's books each.  (Dutch: *dossier*.)

A dossier sees itself; making and listing them is the office's.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.store.documents import NEWEST
from gateway.store.pool import Database, OfficeTransaction, Transaction

__all__ = [
    "Dossier",
    "change_dossier",
    "ensure_default_dossier",
    "find_default_dossier",
    "find_dossier",
    "get_dossier",
    "insert_dossier",
    "list_dossiers",
]

_COLUMNS = "id, name, country, reference, is_test, is_default, created_at, updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A company that uses the gateway; *country* is where it says it is, two letters.

    *reference* is what the software that made it calls it; what a test dossier sends goes nowhere
    but to recipients made for tests.
    """

    id: UUID
    name: str
    country: str
    reference: str | None
    is_test: bool
    is_default: bool
    created_at: datetime
    updated_at: datetime


async def ensure_default_dossier(
    db: Database,
    *,
    dossier_id: UUID,
    name: str,
    country: str,
    now: datetime,
    is_test: bool = True,
) -> Dossier:
    """Return the one default dossier; make it, as given, if there is none.

    Any number of processes may do this at once and get the same one.
    """
    async with db.exchange() as xtx:
        await xtx.connection.execute(
            "INSERT INTO dossiers (id, name, country, is_test, is_default, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, true, $5, $5) ON CONFLICT DO NOTHING",
            dossier_id,
            name,
            country,
            is_test,
            now,
        )
        row = await xtx.connection.fetchrow(f"SELECT {_COLUMNS} FROM dossiers WHERE is_default")  # noqa: S608 - no values
    return _dossier_of(row)


async def find_default_dossier(db: Database, *, is_test: bool) -> UUID | None:
    """Return the id of the default dossier; None when it is of the other kind."""
    async with db.exchange_statements() as xtx:
        found: UUID | None = await xtx.connection.fetchval(
            "SELECT id FROM dossiers WHERE is_default AND is_test = $1", is_test
        )
    return found


async def get_dossier(tx: Transaction) -> Dossier:
    """Return the transaction's dossier; LookupError if there is no such dossier."""
    row = await tx.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM dossiers WHERE id = $1",  # noqa: S608 - no values
        tx.dossier_id,
    )
    if row is None:
        raise LookupError(f"no dossier {tx.dossier_id}")
    return _dossier_of(row)


async def insert_dossier(otx: OfficeTransaction, new: Dossier) -> UUID | None:
    """Store *new*; return the id of the dossier that has its reference already, None if none."""
    made = await otx.connection.fetchval(
        "INSERT INTO dossiers"
        " (id, name, country, reference, is_test, is_default, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, false, $6, $6)"
        " ON CONFLICT (reference) WHERE reference IS NOT NULL DO NOTHING RETURNING true",
        new.id,
        new.name,
        new.country,
        new.reference,
        new.is_test,
        new.created_at,
    )
    return None if made else await _find_reference(otx, new.reference)


async def change_dossier(
    otx: OfficeTransaction,
    dossier_id: UUID,
    *,
    name: str,
    reference: str | None,
    now: datetime,
) -> UUID | None:
    """Give the dossier this *name* and *reference* (None: it has none any more).

    Returns the id of another dossier that has the reference already; then nothing is changed.
    """
    other = None if reference is None else await _find_reference(otx, reference)
    if other is not None and other != dossier_id:
        return other
    await otx.connection.execute(
        "UPDATE dossiers SET name = $2, reference = $3, updated_at = $4 WHERE id = $1",
        dossier_id,
        name,
        reference,
        now,
    )
    return None


async def find_dossier(
    otx: OfficeTransaction, dossier_id: UUID, *, within: Collection[UUID] | None, is_test: bool
) -> Dossier | None:
    """Return the dossier if it is of that kind, and one of *within* (None: all)."""
    row = await otx.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM dossiers"  # noqa: S608 - no values
        " WHERE id = $1 AND ($2 OR id = ANY($3::uuid[])) AND is_test = $4",
        dossier_id,
        within is None,
        sorted(within or ()),
        is_test,
    )
    return None if row is None else _dossier_of(row)


async def list_dossiers(
    otx: OfficeTransaction,
    *,
    within: Collection[UUID] | None,
    is_test: bool,
    limit: int,
    before: tuple[datetime, UUID] | None = None,
    reference: str | None = None,
) -> list[Dossier]:
    """Return up to *limit* dossiers of that kind, of *within* (None: all), the newest first."""
    arguments: list[object] = [limit, is_test, *(before or NEWEST)]
    if within is None:
        source = "dossiers"
    else:
        arguments.append(sorted(within))
        source = (
            "unnest($5::uuid[]) AS own (dossier),"
            " LATERAL (SELECT * FROM dossiers WHERE id = dossier OFFSET 0) AS opened"
        )
    if reference is not None:
        arguments.append(reference)
        # There is one at most; ordered, the planner may look for it among all.
        source = f"(SELECT * FROM {source} WHERE reference = ${len(arguments)} OFFSET 0) AS named"  # noqa: S608 - no values
    rows = await otx.connection.fetch(
        f"SELECT {_COLUMNS} FROM {source} WHERE is_test = $2 AND (created_at, id) < ($3, $4)"  # noqa: S608 - no values
        " ORDER BY created_at DESC, id DESC LIMIT $1",
        *arguments,
    )
    return [_dossier_of(row) for row in rows]


async def _find_reference(otx: OfficeTransaction, reference: str | None) -> UUID | None:
    found: UUID | None = await otx.connection.fetchval(
        "SELECT id FROM dossiers WHERE reference = $1", reference
    )
    return found


def _dossier_of(row: Any) -> Dossier:
    return Dossier(
        id=row["id"],
        name=row["name"],
        country=row["country"],
        reference=row["reference"],
        is_test=row["is_test"],
        is_default=row["is_default"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
