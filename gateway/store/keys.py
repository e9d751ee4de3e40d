"""API keys: SHA-256 of each, what it may do, in which dossiers.  The key itself is never stored.

Keys are the office's: they are made and listed in an office transaction, and found by anybody who
holds one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.store.documents import NEWEST
from gateway.store.pool import Database, OfficeTransaction

__all__ = [
    "ApiKey",
    "end_key",
    "find_api_key",
    "find_key",
    "insert_api_key",
    "list_keys",
    "note_use",
    "replace_key",
]

EVERYTHING = "*"
"""As a scope: all there are and will be.  The first key has it."""

_COLUMNS = """k.id, k.name, k.hint, k.is_test, k.all_dossiers, k.scopes, k.created_at,
    k.expires_at, k.revoked_at, k.last_used_at, k.replaced_by,
    ARRAY(SELECT d.dossier_id FROM api_key_dossiers d WHERE d.key_id = k.id ORDER BY 1) AS dossiers
"""
# A key of some dossiers looks at the keys of those alone, however many others there are.
_OF_DOSSIERS = """(SELECT DISTINCT d.key_id FROM api_key_dossiers d
        WHERE d.dossier_id = ANY($5::uuid[])) AS own,
    LATERAL (SELECT * FROM api_keys k WHERE k.id = own.key_id OFFSET 0) AS k"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it stands: *dossiers* are those it opens, None means each of its kind.

    *hint* is how it ends; *is_test* says which kind of dossiers it opens; *replaced_by* is the key
    that a rotation made.
    """

    id: UUID
    name: str
    hint: str
    is_test: bool
    dossiers: frozenset[UUID] | None
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: UUID | None = None

    def is_over(self, now: datetime) -> bool:
        """Return whether the key opens nothing any more."""
        return self.revoked_at is not None or (
            self.expires_at is not None and self.expires_at <= now
        )


async def insert_api_key(otx: OfficeTransaction, key: ApiKey, *, key_hash: bytes) -> bool:
    """Store *key* under its SHA-256; return False when that is known already.

    Raises asyncpg.ForeignKeyViolationError for a dossier that does not exist.
    """
    made = await otx.connection.fetchval(
        "INSERT INTO api_keys (id, key_hash, name, hint, is_test, all_dossiers, scopes,"
        " created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (key_hash) DO NOTHING"
        " RETURNING true",
        key.id,
        key_hash,
        key.name,
        key.hint,
        key.is_test,
        key.dossiers is None,
        sorted(key.scopes),
        key.created_at,
        key.expires_at,
    )
    if made and key.dossiers:
        await otx.connection.execute(
            "INSERT INTO api_key_dossiers (key_id, dossier_id) SELECT $1, unnest($2::uuid[])",
            key.id,
            sorted(key.dossiers),
        )
    return bool(made)


async def find_api_key(db: Database, key_hash: bytes) -> ApiKey | None:
    """Return the key with the SHA-256 *key_hash*, also one that is over; None if there is none."""
    async with db.exchange_statements() as xtx:
        row = await xtx.connection.fetchrow(
            f"SELECT {_COLUMNS} FROM api_keys k WHERE k.key_hash = $1",  # noqa: S608 - no values
            key_hash,
        )
    return None if row is None else _key_of(row)


async def find_key(otx: OfficeTransaction, key_id: UUID, *, by: ApiKey) -> ApiKey | None:
    """Return the key *key_id* if it opens no more than the key *by*, which asks for it."""
    given: list[object] = [key_id]
    row = await otx.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM api_keys k"  # noqa: S608 - no values
        f" WHERE k.id = $1 AND {_no_more(by, given)} FOR UPDATE",
        *given,
    )
    return None if row is None else _key_of(row)


async def list_keys(
    otx: OfficeTransaction,
    *,
    by: ApiKey,
    limit: int,
    before: tuple[datetime, UUID] | None,
) -> list[ApiKey]:
    """Return up to *limit* keys that open no more than the key *by*, the newest first."""
    given: list[object] = [limit, *(before or NEWEST)]
    condition = _no_more(by, given)
    source = "api_keys k" if by.dossiers is None else _OF_DOSSIERS
    rows = await otx.connection.fetch(
        f"SELECT {_COLUMNS} FROM {source}"  # noqa: S608 - no values
        f" WHERE (k.created_at, k.id) < ($2, $3) AND {condition}"
        " ORDER BY k.created_at DESC, k.id DESC LIMIT $1",
        *given,
    )
    return [_key_of(row) for row in rows]


def _no_more(key: ApiKey, given: list[object]) -> str:
    """Return the condition that a key `k` opens no more than *key*; its values join *given*.

    It is of its kind, opens none but its dossiers, has no scope beyond its own, and ends no later.
    """
    given.append(key.is_test)
    conditions = [f"k.is_test = ${len(given)}"]
    if key.dossiers is not None:
        given.append(sorted(key.dossiers))
        conditions.append(
            "NOT k.all_dossiers AND NOT EXISTS (SELECT FROM api_key_dossiers d"
            f" WHERE d.key_id = k.id AND d.dossier_id <> ALL(${len(given)}::uuid[]))"
        )
    if EVERYTHING not in key.scopes:
        given.append(sorted(key.scopes))
        conditions.append(f"k.scopes <@ ${len(given)}::text[]")
    if key.expires_at is not None:
        given.append(key.expires_at)
        conditions.append(f"k.expires_at <= ${len(given)}")
    return " AND ".join(conditions)


async def replace_key(otx: OfficeTransaction, key_id: UUID, *, by: UUID, until: datetime) -> None:
    """Let the key *key_id* end at *until* (not later than it would) because *by* replaces it."""
    await otx.connection.execute(
        "UPDATE api_keys SET replaced_by = $2, expires_at = least(expires_at, $3) WHERE id = $1",
        key_id,
        by,
        until,
    )


async def end_key(otx: OfficeTransaction, key_id: UUID, *, now: datetime) -> None:
    """Let the key *key_id* open nothing from now on."""
    await otx.connection.execute(
        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", key_id, now
    )


async def note_use(db: Database, key_id: UUID, now: datetime) -> None:
    """Note that the key was used."""
    async with db.office() as otx:
        await otx.connection.execute(
            "UPDATE api_keys SET last_used_at = greatest(last_used_at, $2) WHERE id = $1",
            key_id,
            now,
        )


def _key_of(row: Any) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        hint=row["hint"],
        is_test=row["is_test"],
        dossiers=None if row["all_dossiers"] else frozenset(row["dossiers"]),
        scopes=frozenset(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        replaced_by=row["replaced_by"],
    )
