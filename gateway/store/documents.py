"""Documents and their timelines.

A document is one business document on its way in or out; its status moves by compare-and-set, and
which moves exist is the business of `gateway.exchange.states`.  Its timeline is a list of events
numbered from one without gaps, and only ever grows.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from gateway.store.pool import Transaction

__all__ = [
    "Content",
    "Cursor",
    "Document",
    "Event",
    "NewDocument",
    "append_event",
    "find_content",
    "find_document",
    "insert_document",
    "list_documents",
    "list_events",
    "move_document",
    "set_document_facts",
]

COLUMNS = """id, dossier_id, direction, status, sender, receiver, document_type, process, kind,
    number, instance_identifier, content_sha256, size_bytes, flags, options, created_at,
    updated_at"""

FACTS = frozenset(
    {
        "kind",
        "number",
        "content_sha256",
        "size_bytes",
        "instance_identifier",
        "flags",
        "sender",
        "receiver",
        "document_type",
        "process",
    }
)
"""What may be learnt of a document after it was stored."""

PAGE_MAX = 1000
"""LIMIT: how many documents one page lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it stands, without its content.

    *sender* and *receiver* are written as `0208:…`, *document_type* and *process* with their
    scheme.  *content_sha256* and *size_bytes* are of the business document alone.
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
    size_bytes: int | None
    flags: tuple[str, ...]
    options: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """An outbound document to store; exactly one of *content* and *content_file* is given.

    *options* is what the caller asked for beside the document, such as a fixed endpoint.
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
    size_bytes: int | None = None
    flags: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
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
class Content:
    """The document as it was accepted: the bytes, or the name of the archive file with them."""

    data: bytes | None
    file: str | None


class Cursor(NamedTuple):
    """Where a page of documents ended: the last one's instant and id."""

    created_at: datetime
    document_id: UUID


async def insert_document(tx: Transaction, new: NewDocument) -> Document:
    """Store *new* in the transaction's dossier and return it."""
    row = await tx.connection.fetchrow(
        f"""
        INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
            process, kind, number, instance_identifier, content_sha256, size_bytes, flags, options,
            content, content_file, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $18)
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
    )
    return _document(row)


async def find_document(tx: Transaction, document_id: UUID) -> Document | None:
    """Return the document *document_id* of this dossier, or None."""
    row = await tx.connection.fetchrow(
        f"SELECT {COLUMNS} FROM documents WHERE id = $1 AND dossier_id = $2",
        document_id,
        tx.dossier_id,
    )
    return None if row is None else _document(row)


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
    conditions = ["dossier_id = $1"]
    arguments: list[object] = [tx.dossier_id]
    if before is not None:
        arguments += before
        conditions.append("(created_at, id) < ($2, $3)")
    for column, value in (("direction", direction), ("status", status)):
        if value is not None:
            arguments.append(value)
            conditions.append(f"{column} = ${len(arguments)}")
    arguments.append(max(1, min(limit, PAGE_MAX)))
    rows = await tx.connection.fetch(
        f"SELECT {COLUMNS} FROM documents WHERE {' AND '.join(conditions)}"
        f" ORDER BY created_at DESC, id DESC LIMIT ${len(arguments)}",
        *arguments,
    )
    return [_document(row) for row in rows]


async def move_document(
    tx: Transaction, document_id: UUID, from_status: str, to_status: str, *, now: datetime
) -> bool:
    """Move the document from *from_status* to *to_status*; say False if it stands elsewhere.

    Two that try the same move at once: one gets True.
    """
    moved = await tx.connection.fetchval(
        "UPDATE documents SET status = $4, updated_at = $5"
        " WHERE id = $1 AND dossier_id = $2 AND status = $3 RETURNING true",
        document_id,
        tx.dossier_id,
        from_status,
        to_status,
        now,
    )
    return moved is True


async def set_document_facts(tx: Transaction, document_id: UUID, **facts: Any) -> None:
    """Record what was learnt of the document: any of FACTS, by name."""
    if unknown := facts.keys() - FACTS:
        raise TypeError(f"not facts of a document: {', '.join(sorted(unknown))}")
    if not facts:
        return
    if "flags" in facts:
        facts["flags"] = list(facts["flags"])
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(facts, start=3))
    await tx.connection.execute(
        f"UPDATE documents SET {columns} WHERE id = $1 AND dossier_id = $2",
        document_id,
        tx.dossier_id,
        *facts.values(),
    )


async def append_event(
    tx: Transaction, document_id: UUID, name: str, detail: Mapping[str, Any], *, now: datetime
) -> int:
    """Add an event to the document's timeline and return its number.

    The document's row is locked for it until the transaction ends, so numbers have no gaps.
    Raises LookupError if this dossier has no such document.
    """
    seq = await tx.connection.fetchval(
        """
        WITH counted AS (
            UPDATE documents SET event_count = event_count + 1, updated_at = $4
            WHERE id = $1 AND dossier_id = $2
            RETURNING event_count
        )
        INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail)
        SELECT $1, event_count, $2, $4, $3, $5 FROM counted
        RETURNING seq
        """,
        document_id,
        tx.dossier_id,
        name,
        now,
        msgspec.json.encode(detail).decode(),
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
    return [
        Event(row["seq"], row["at"], row["name"], msgspec.json.decode(row["detail"]))
        for row in rows
    ]


async def find_content(tx: Transaction, document_id: UUID) -> Content | None:
    """Return an outbound document as it was accepted; None if there is none in this dossier."""
    row = await tx.connection.fetchrow(
        "SELECT content, content_file FROM documents"
        " WHERE id = $1 AND dossier_id = $2 AND direction = 'out'",
        document_id,
        tx.dossier_id,
    )
    return None if row is None else Content(row["content"], row["content_file"])


def _document(row: Any) -> Document:
    values = dict(row)
    values["flags"] = tuple(values["flags"])
    values["options"] = msgspec.json.decode(values["options"])
    return Document(**values)
