"""Imports: files with many documents, how far each was worked through, and what became of all.

How far an import is moves by compare-and-set, together with the result of the entry: of two
workers at the same entry one records it.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.store.counting import count_alone
from gateway.store.documents import Cursor
from gateway.store.jobs import Job
from gateway.store.pool import ExchangeTransaction, Transaction

__all__ = [
    "Import",
    "ImportRef",
    "Place",
    "Result",
    "cancel_import",
    "count_unfinished",
    "fail_import",
    "find_given_up",
    "find_import",
    "finish_import",
    "forget_old_imports",
    "insert_import",
    "list_imports",
    "list_results",
    "record_result",
]

COLUMNS = """id, dossier_id, status, media_type, file, size_bytes, language, duplicate, total,
    accepted, refused, next_offset, next_position, created_at, updated_at"""

KEPT = timedelta(days=90)
"""LIMIT: how long an import and its results can be read once it has ended."""
FORGET_AT_ONCE = 5_000
"""LIMIT: results that are forgotten in one go; the next one takes the rest."""
PAGE_MAX = 1000
"""LIMIT: how many imports or results one page lists."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry is in the file, and which one it is to a person, counted from one."""

    offset: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import as it stands: *next* is the entry to be done next.

    *file* is the upload's name in the archive, None once *status* is `done` or `cancelled`;
    `failed` is what no job works on any more.  *language* and *duplicate* are what the caller asked
    for.
    """

    id: UUID
    dossier_id: UUID
    media_type: str
    file: str | None
    size_bytes: int
    total: int
    next: Place
    created_at: datetime
    updated_at: datetime
    status: str = "waiting"
    language: str = "en"
    duplicate: bool = False
    accepted: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class ImportRef:
    """An import and the dossier it belongs to."""

    dossier_id: UUID
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one entry: the document that was made of it, or the *problem* as JSON."""

    position: int
    name: str | None = None
    document_id: UUID | None = None
    problem: str | None = None


async def insert_import(tx: Transaction, new: Import) -> None:
    """Store *new* in the transaction's dossier."""
    await tx.connection.execute(
        f"INSERT INTO imports ({COLUMNS})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        new.id,
        tx.dossier_id,
        new.status,
        new.media_type,
        new.file,
        new.size_bytes,
        new.language,
        new.duplicate,
        new.total,
        new.accepted,
        new.refused,
        new.next.offset,
        new.next.position,
        new.created_at,
        new.updated_at,
    )


async def find_import(tx: Transaction, import_id: UUID) -> Import | None:
    """Return the import of this dossier, or None."""
    row = await tx.connection.fetchrow(
        f"SELECT {COLUMNS} FROM imports WHERE id = $1 AND dossier_id = $2", import_id, tx.dossier_id
    )
    return None if row is None else _import(row)


async def count_unfinished(tx: Transaction) -> int:
    """Return how many imports of this dossier wait or run.

    Nobody else adds one before *tx* has ended.
    """
    await count_alone(tx, "imports")
    count: int = await tx.connection.fetchval(
        "SELECT count(*) FROM imports WHERE dossier_id = $1 AND status IN ('waiting', 'running')",
        tx.dossier_id,
    )
    return count


async def list_imports(
    tx: Transaction, *, limit: int, before: Cursor | None = None
) -> list[Import]:
    """Return up to *limit* imports of this dossier, the newest first, after the place *before*."""
    place = "" if before is None else "AND (created_at, id) < ($3, $4)"
    rows = await tx.connection.fetch(
        f"SELECT {COLUMNS} FROM imports WHERE dossier_id = $1 {place}"
        " ORDER BY created_at DESC, id DESC LIMIT $2",
        tx.dossier_id,
        max(1, min(limit, PAGE_MAX)),
        *(before or ()),
    )
    return [_import(row) for row in rows]


async def record_result(
    tx: Transaction, import_id: UUID, result: Result, *, at: Place, then: Place, now: datetime
) -> str | None:
    """Record what became of the entry *at*, and that the one at *then* is next.

    Returns the status of the import: `running`, or `cancelled` while the entry was being done.
    None: somebody else recorded it; nothing changes.
    """
    status: str | None = await tx.connection.fetchval(
        "UPDATE imports SET next_offset = $4, next_position = $5,"
        " status = CASE status WHEN 'cancelled' THEN status ELSE 'running' END,"
        " accepted = accepted + $6, refused = refused + $7, updated_at = $8"
        " WHERE id = $1 AND dossier_id = $2 AND status <> 'done' AND next_offset = $3"
        " RETURNING status",
        import_id,
        tx.dossier_id,
        at.offset,
        then.offset,
        then.position,
        int(result.problem is None),
        int(result.problem is not None),
        now,
    )
    if status is None:
        return None
    await tx.connection.execute(
        "INSERT INTO import_results (import_id, position, dossier_id, name, document_id, problem)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        import_id,
        result.position,
        tx.dossier_id,
        result.name,
        result.document_id,
        result.problem,
    )
    return status


async def finish_import(tx: Transaction, import_id: UUID, *, now: datetime) -> Import | None:
    """Note that all entries are done, and that the file is not needed any more.

    Returns the import, or None where that was noted before, or it was cancelled.
    """
    row = await tx.connection.fetchrow(
        "UPDATE imports SET status = 'done', file = NULL, updated_at = $3"
        " WHERE id = $1 AND dossier_id = $2 AND status NOT IN ('done', 'cancelled')"
        f" RETURNING {COLUMNS}",
        import_id,
        tx.dossier_id,
        now,
    )
    return None if row is None else _import(row)


async def cancel_import(tx: Transaction, import_id: UUID, *, now: datetime) -> Import | None:
    """Note that nothing more of the import is to be done, and that its file is not needed.

    Returns the import, or None where it had ended before.  A result that is recorded later is of
    the entry that was being done.
    """
    row = await tx.connection.fetchrow(
        "UPDATE imports SET status = 'cancelled', file = NULL, updated_at = $3"
        " WHERE id = $1 AND dossier_id = $2 AND status IN ('waiting', 'running')"
        f" RETURNING {COLUMNS}",
        import_id,
        tx.dossier_id,
        now,
    )
    return None if row is None else _import(row)


GIVEN_UP = """
SELECT DISTINCT i.id, i.dossier_id FROM pgqueuer q
JOIN imports i ON i.id = (convert_from(q.payload, 'UTF8')::jsonb->>'import')::uuid
WHERE q.entrypoint = $1 AND q.status = 'failed' AND i.status IN ('waiting', 'running')
  AND NOT EXISTS (
    SELECT FROM pgqueuer n WHERE n.entrypoint = $1 AND n.status IN ('queued', 'picked')
      AND starts_with(n.dedupe_key, $1 || ':' || i.id || ':')
  )
LIMIT $2
"""

GIVEN_UP_MAX = 100
"""LIMIT: imports that are called failed in one go; the next one takes the rest."""


async def find_given_up(xtx: ExchangeTransaction) -> list[ImportRef]:
    """Return imports that are not done and whose job was given up on."""
    rows = await xtx.connection.fetch(GIVEN_UP, Job.IMPORT_DOCUMENTS, GIVEN_UP_MAX)
    return [ImportRef(row["dossier_id"], row["id"]) for row in rows]


async def fail_import(tx: Transaction, import_id: UUID, *, now: datetime) -> Import | None:
    """Note that nobody works on the import any more; its file stays, for whoever looks into it.

    Returns the import, or None where that was noted before, or all of it is done.
    """
    row = await tx.connection.fetchrow(
        "UPDATE imports SET status = 'failed', updated_at = $3 WHERE id = $1 AND dossier_id = $2"
        f" AND status IN ('waiting', 'running') RETURNING {COLUMNS}",
        import_id,
        tx.dossier_id,
        now,
    )
    return None if row is None else _import(row)


_OLD = f"""SELECT id FROM imports WHERE status IN ('done', 'failed', 'cancelled')
    AND updated_at < $1 ORDER BY updated_at LIMIT {GIVEN_UP_MAX}"""
OLD_RESULTS = f"""
DELETE FROM import_results r USING (
    SELECT n.import_id, n.position FROM ({_OLD}) AS old CROSS JOIN LATERAL (
        SELECT import_id, position FROM import_results WHERE import_id = old.id
        ORDER BY position LIMIT $2
    ) AS n LIMIT $2
) AS gone WHERE r.import_id = gone.import_id AND r.position = gone.position
"""


async def forget_old_imports(xtx: ExchangeTransaction, *, now: datetime) -> int:
    """Forget results of imports that ended long ago, at last these; return how many rows went.

    The file of one that failed goes with the leftovers of the archive.
    """
    before = now - KEPT
    gone = await xtx.connection.execute(OLD_RESULTS, before, FORGET_AT_ONCE)
    if gone == "DELETE 0":
        gone = await xtx.connection.execute(f"DELETE FROM imports WHERE id IN ({_OLD})", before)
    return int(gone.rpartition(" ")[2])


async def list_results(
    tx: Transaction, import_id: UUID, *, limit: int, after: int = 0, refused: bool | None = None
) -> Sequence[Result]:
    """Return up to *limit* results of the import behind the entry *after*, in their order.

    *refused*: only those that were refused, or only those that were not.
    """
    kind = {None: "", True: "AND problem IS NOT NULL", False: "AND problem IS NULL"}[refused]
    rows = await tx.connection.fetch(
        "SELECT position, name, document_id, problem FROM import_results"
        f" WHERE import_id = $1 AND dossier_id = $2 AND position > $3 {kind}"
        " ORDER BY position LIMIT $4",
        import_id,
        tx.dossier_id,
        after,
        max(1, min(limit, PAGE_MAX)),
    )
    return [Result(**row) for row in rows]


def _import(row: Any) -> Import:
    return Import(
        id=row["id"],
        dossier_id=row["dossier_id"],
        status=row["status"],
        media_type=row["media_type"],
        file=row["file"],
        size_bytes=row["size_bytes"],
        language=row["language"],
        duplicate=row["duplicate"],
        total=row["total"],
        accepted=row["accepted"],
        refused=row["refused"],
        next=Place(row["next_offset"], row["next_position"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
