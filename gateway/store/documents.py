"""Documents and their timelines.

A document is one business document on its way in or out; its status moves by compare-and-set, and
which moves exist is the business of `gateway.exchange.states`.  Its timeline is a list of events
numbered from one without gaps, and only ever grows.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from gateway.store.pool import Transaction

__all__ = [
    "NEWEST",
    "STATUSES",
    "Content",
    "Cursor",
    "Document",
    "Event",
    "NewDocument",
    "Step",
    "append_event",
    "append_steps",
    "find_content",
    "find_document",
    "find_report",
    "insert_document",
    "list_documents",
    "list_events",
    "places_of",
]

COLUMNS = """id, dossier_id, direction, status, sender, receiver, document_type, process, kind,
    number, instance_identifier, content_sha256, root_offset, size_bytes, flags, options, valid,
    created_at, updated_at, acknowledged_at"""

STATUSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "in": ("received", "delivered", "broken"),
        "out": (
            "accepted", "sealed", "sending", "delivered", "refused", "failed", "uncertain",
            "gave_up", "waiting",
        ),
    }
)  # fmt: skip
"""Where documents of each direction stand, as the constraint of the table says."""

PAGE_MAX = 1000
"""LIMIT: how many documents one page lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it stands, without its content.

    *sender* and *receiver* are written as `0208:…`, *document_type* and *process* with their
    scheme.  *content_sha256* and *size_bytes* are of the business document alone, which begins
    at *root_offset* of what was handed in.  *valid* is None where it was not checked.
    """

    id: UUID
    dossier_id: UUID
    direction: str
    status: str
    sender: str
    receiver: str
    document_type: str
    process: str
    kind: str | None
    number: str | None
    instance_identifier: str | None
    content_sha256: bytes | None
    root_offset: int | None
    size_bytes: int | None
    flags: tuple[str, ...]
    options: Mapping[str, Any]
    valid: bool | None
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """An outbound document to store; exactly one of *content* and *content_file* is given.

    *options* is what the caller asked for beside the document, such as a fixed endpoint;
    *report* is what a check of it found, as `find_report` gives it back.
    """

    id: UUID
    status: str
    sender: str
    receiver: str
    document_type: str
    process: str
    created_at: datetime
    direction: str = "out"
    kind: str | None = None
    number: str | None = None
    instance_identifier: str | None = None
    content_sha256: bytes | None = None
    root_offset: int | None = None
    size_bytes: int | None = None
    flags: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    valid: bool | None = None
    report: Mapping[str, Any] | None = None
    content: bytes | None = None
    content_file: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a document: the *seq*-th, at *at*, called *name*."""

    seq: int
    at: datetime
    name: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One event to add to a timeline."""

    at: datetime
    name: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """The document as it was accepted: the bytes, or the name of the archive file with them."""

    data: bytes | None
    file: str | None


class Cursor(NamedTuple):
    """Where a page of documents ended: the last one's instant and id."""

    created_at: datetime
    document_id: UUID


NEWEST: Final = Cursor(datetime.max.replace(tzinfo=UTC), UUID(int=(1 << 128) - 1))
"""Where a list of the newest first begins.

A statement that says coalesce(…, 'infinity') would not read its index from there: row security lets
pass what cannot leak, and takes coalesce for what can.
"""


async def insert_document(tx: Transaction, new: NewDocument) -> Document:
    """Store *new* in the transaction's dossier and return it."""
    row = await tx.connection.fetchrow(
        f"""
        INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
            process, kind, number, instance_identifier, content_sha256, size_bytes, flags, options,
            content, content_file, created_at, updated_at, root_offset, valid, report)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $18, $19, $20, $21)
        RETURNING {COLUMNS}
        """,
        new.id,
        tx.dossier_id,
        new.direction,
        new.status,
        new.sender,
        new.receiver,
        new.document_type,
        new.process,
        new.kind,
        new.number,
        new.instance_identifier,
        new.content_sha256,
        new.size_bytes,
        list(new.flags),
        msgspec.json.encode(new.options).decode(),
        new.content,
        new.content_file,
        new.created_at,
        new.root_offset,
        new.valid,
        None if new.report is None else msgspec.json.encode(new.report).decode(),
    )
    return document_of(row)


async def find_document(tx: Transaction, document_id: UUID) -> Document | None:
    """Return the document *document_id* of this dossier, or None."""
    row = await tx.connection.fetchrow(
        f"SELECT {COLUMNS} FROM documents WHERE id = $1 AND dossier_id = $2",
        document_id,
        tx.dossier_id,
    )
    return None if row is None else document_of(row)


async def find_report(tx: Transaction, document_id: UUID) -> dict[str, Any] | None:
    """Return what the check of a document found; None for no such document, or no check."""
    report = await tx.connection.fetchval(
        "SELECT report FROM documents WHERE id = $1 AND dossier_id = $2",
        document_id,
        tx.dossier_id,
    )
    return None if report is None else dict(msgspec.json.decode(report))


async def list_documents(
    tx: Transaction,
    *,
    limit: int,
    before: Cursor | None = None,
    direction: str | None = None,
    status: str | None = None,
) -> list[Document]:
    """Return up to *limit* documents, the newest first, that come after the place *before*.

    The next page starts at the `Cursor` of the last document; what arrives meanwhile moves nothing.
    """
    arguments: list[object] = [tx.dossier_id, max(1, min(limit, PAGE_MAX)), *(before or ())]
    order = "created_at DESC, id DESC LIMIT $2"
    if direction is None and status is None:
        behind = "" if before is None else "AND (created_at, id) < ($3, $4)"
        query = f"SELECT {COLUMNS} FROM documents WHERE dossier_id = $1 {behind} ORDER BY {order}"
    else:
        # A piece of each place, in the order of its index.  With plain equality the planner may
        # read all that stand elsewhere instead, expecting few.
        after = (
            "(direction, status) <= (way, name)"
            if before is None
            else "(direction, status, created_at, id) < (way, name, $3, $4)"
        )
        first = len(arguments) + 1
        query = f"""
            SELECT page.* FROM unnest(${first}::text[], ${first + 1}::text[]) AS place (way, name),
            LATERAL (
                SELECT {COLUMNS} FROM documents
                WHERE dossier_id = $1 AND (direction, status) >= (way, name) AND {after}
                ORDER BY direction DESC, status DESC, {order}
            ) AS page ORDER BY {order}
            """
        arguments += places_of(direction, status)
    rows = await tx.connection.fetch(query, *arguments)
    return [document_of(row) for row in rows]


def places_of(direction: str | None, status: str | None) -> tuple[list[str], list[str]]:
    """Return where a document can stand with that direction and status: both, side by side.

    None is any.
    """
    places = [
        (way, name)
        for way, names in STATUSES.items()
        for name in names
        if direction in (None, way) and status in (None, name)
    ]
    return [way for way, _ in places], [name for _, name in places]


async def append_event(
    tx: Transaction, document_id: UUID, name: str, detail: Mapping[str, Any], *, now: datetime
) -> int:
    """Add an event to the document's timeline and return its number; as `append_steps`."""
    return await append_steps(tx, document_id, [Step(now, name, detail)])


async def append_steps(tx: Transaction, document_id: UUID, steps: Sequence[Step]) -> int:
    """Add events to the document's timeline in their order; return the last one's number.

    The document's row is locked for it until the transaction ends, so numbers have no gaps.
    Raises LookupError if this dossier has no such document.
    """
    seq = await tx.connection.fetchval(
        """
        WITH counted AS (
            UPDATE documents
            SET event_count = event_count + jsonb_array_length($3::jsonb), updated_at = $4,
                changed = gateway_place(pg_current_xact_id())
            WHERE id = $1 AND dossier_id = $2
            RETURNING event_count
        ), told AS (
            INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail)
            SELECT $1, event_count - jsonb_array_length($3::jsonb) + s.position, $2,
                (s.step->>'at')::timestamptz, s.step->>'name', s.step->'detail'
            FROM counted, jsonb_array_elements($3::jsonb) WITH ORDINALITY AS s (step, position)
        )
        SELECT event_count FROM counted
        """,
        document_id,
        tx.dossier_id,
        msgspec.json.encode(steps).decode(),
        steps[-1].at,
    )
    if seq is None:
        raise LookupError(f"no document {document_id} in this dossier")
    return int(seq)


async def list_events(tx: Transaction, document_id: UUID) -> list[Event]:
    """Return the document's timeline, the first event first."""
    rows = await tx.connection.fetch(
        "SELECT seq, at, name, detail FROM document_events"
        " WHERE document_id = $1 AND dossier_id = $2 ORDER BY seq",
        document_id,
        tx.dossier_id,
    )
    return [event_of(row) for row in rows]


async def find_content(tx: Transaction, document_id: UUID) -> Content | None:
    """Return an outbound document as it was accepted; None if there is none in this dossier."""
    row = await tx.connection.fetchrow(
        "SELECT content, content_file FROM documents"
        " WHERE id = $1 AND dossier_id = $2 AND direction = 'out'",
        document_id,
        tx.dossier_id,
    )
    return None if row is None else Content(row["content"], row["content_file"])


def document_of(row: Any) -> Document:
    """Make a Document of a row with COLUMNS."""
    return Document(
        id=row["id"],
        dossier_id=row["dossier_id"],
        direction=row["direction"],
        status=row["status"],
        sender=row["sender"],
        receiver=row["receiver"],
        document_type=row["document_type"],
        process=row["process"],
        kind=row["kind"],
        number=row["number"],
        instance_identifier=row["instance_identifier"],
        content_sha256=row["content_sha256"],
        root_offset=row["root_offset"],
        size_bytes=row["size_bytes"],
        flags=tuple(row["flags"]),
        options=msgspec.json.decode(row["options"]),
        valid=row["valid"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        acknowledged_at=row["acknowledged_at"],
    )


def event_of(row: Any) -> Event:
    """Make an Event of a row of the timeline."""
    return Event(row["seq"], row["at"], row["name"], msgspec.json.decode(row["detail"]))
