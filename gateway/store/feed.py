"""What happened in a dossier since a caller last asked: nothing lost, nothing twice.

Most events are steps of documents; the others (notices) tell of imports and webhooks.
A place in the feed is a transaction, and an event in it.  Pages end before the oldest transaction
that still runs: what it will commit comes behind all that was shown.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from gateway.store.documents import (
    COLUMNS,
    Document,
    Event,
    document_of,
    event_of,
    places_of,
)
from gateway.store.pool import ExchangeTransaction, Transaction

__all__ = [
    "START",
    "About",
    "FeedEvent",
    "Place",
    "Stretch",
    "acknowledge",
    "append_notice",
    "find_event",
    "find_horizon",
    "find_place",
    "has_reached",
    "list_inbox",
    "pass_over",
    "read_changes",
    "read_feed",
]

PASSED_MAX: Final = 20_000
"""LIMIT: events that a page of those since an instant passes over."""
SKEW: Final = timedelta(minutes=10)
"""LIMIT: how much earlier than those before it an event's instant may be."""

# Half of what is left goes with each step: it is looked at by the index, from its middle on.
_PLACE = """
WITH RECURSIVE search (low, high) AS (
    SELECT 0::bigint, coalesce((
        SELECT xid::text::bigint FROM document_events WHERE dossier_id = $1
        ORDER BY document_events.xid DESC, document_id DESC, seq DESC LIMIT 1
    ), 0) + 1
    UNION ALL
    SELECT coalesce(before.xid, low), CASE WHEN before.xid IS NULL THEN middle ELSE high END
    FROM search, LATERAL (SELECT low + (high - low) / 2 AS middle) AS half
    LEFT JOIN LATERAL (
        SELECT next.xid FROM (
            SELECT xid::text::bigint AS xid, at FROM document_events
            WHERE dossier_id = $1 AND document_events.xid >= middle::text::xid8
            ORDER BY document_events.xid, document_id, seq LIMIT 1
        ) AS next WHERE next.at < $2::timestamptz - $3::interval
    ) AS before ON true
    WHERE high - low > 1
)
SELECT max(low) FROM search
"""
_COLUMNS = "about, document_id, seq, at, name, detail, xid::text AS written"
_AFTER = f"""SELECT {_COLUMNS} FROM document_events WHERE dossier_id = $1
    AND (xid, document_id, seq) > ($2::text::xid8, $3::uuid, $4::integer)
    AND xid < $5::text::xid8 ORDER BY xid, document_id, seq"""


# A piece of each place where documents stand, in the order of its index: as `list_documents`.
_CHANGED = f"""
SELECT page.* FROM unnest($6::text[], $7::text[]) AS stand (way, name), LATERAL (
    SELECT {COLUMNS}, changed::text AS place, changed FROM documents
    WHERE dossier_id = $1 AND (direction, status) <= (way, name) AND updated_at > $4
        AND (direction, status, changed, id) > (way, name, $2::text::xid8, $3::uuid)
        AND (direction, status, changed) < (way, name, $8::text::xid8)
    ORDER BY direction, status, changed, id LIMIT $5
) AS page ORDER BY changed, id LIMIT $5
"""


class About(StrEnum):
    """What an event is about."""

    DOCUMENT = "document"
    IMPORT = "import"
    ENDPOINT = "endpoint"
    """What became of an endpoint of webhooks."""
    WEBHOOK = "webhook"
    """What one endpoint alone was sent."""


class Place(NamedTuple):
    """A place in the feed of a dossier: behind the event *seq* of a document, written in *xid*.

    A notice has the id of what it is about in place of a document's.
    """

    xid: int
    document_id: UUID
    seq: int


START: Final = Place(0, UUID(int=0), 0)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event, what it is *about*, the id of that, and where it is in the feed."""

    about: About
    subject_id: UUID
    event: Event
    place: Place


@dataclass(frozen=True, slots=True)
class Stretch:
    """Documents in the order of their last change, or of their arrival; *place* is behind them."""

    documents: Sequence[Document]
    place: Place
    has_more: bool


async def find_place(tx: Transaction, since: datetime) -> Place:
    """Return a place before all events later than *since*, and not long before."""
    found: int = await tx.connection.fetchval(_PLACE, tx.dossier_id, since, SKEW)
    return Place(found, UUID(int=0), 0)


async def find_horizon(xtx: ExchangeTransaction) -> tuple[int, int]:
    """Return up to which transaction the feeds may be read, and the one that comes next."""
    row = await xtx.connection.fetchrow(
        "SELECT gateway_horizon()::text AS place,"
        " gateway_place(pg_snapshot_xmax(pg_current_snapshot()))::text AS newest"
    )
    return int(row["place"]), int(row["newest"])


async def has_reached(tx: Transaction, place: Place) -> bool:
    """Return whether the feed has come to *place*; if not, it was brought back since then."""
    reached: bool = await tx.connection.fetchval(
        "SELECT $1::text::xid8 < gateway_place(pg_snapshot_xmax(pg_current_snapshot()))",
        str(place.xid),
    )
    return reached


async def read_feed(
    tx: Transaction, *, after: Place = START, since: datetime | None = None, limit: int
) -> list[FeedEvent]:
    """Return up to *limit* events behind *after*.

    With *since* they are those of the next PASSED_MAX events that are later than that instant.
    """
    behind = str(after.xid), after.document_id, after.seq
    given = tx.dossier_id, *behind, await _find_horizon(tx), limit
    if since is None:
        rows = await tx.connection.fetch(f"{_AFTER} LIMIT $6", *given)
    else:
        rows = await tx.connection.fetch(
            f"SELECT * FROM ({_AFTER} LIMIT $8) AS stretch WHERE at > $7 LIMIT $6",
            *given,
            since,
            PASSED_MAX,
        )
    return [_event_of(row) for row in rows]


async def pass_over(tx: Transaction, after: Place) -> Place | None:
    """Return the place PASSED_MAX events behind *after*; None if there are not so many."""
    row = await tx.connection.fetchrow(
        f"{_AFTER} OFFSET $6 LIMIT 1",
        tx.dossier_id,
        str(after.xid),
        after.document_id,
        after.seq,
        await _find_horizon(tx),
        PASSED_MAX - 1,
    )
    return None if row is None else _event_of(row).place


async def find_event(tx: Transaction, subject_id: UUID, seq: int) -> FeedEvent | None:
    """Return the event *seq* of a document, or of what else there are events of, or None."""
    row = await tx.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM document_events"
        " WHERE document_id = $1 AND dossier_id = $2 AND seq = $3",
        subject_id,
        tx.dossier_id,
        seq,
    )
    return None if row is None else _event_of(row)


async def append_notice(
    tx: Transaction,
    about: About,
    subject_id: UUID,
    name: str,
    detail: Mapping[str, Any],
    *,
    now: datetime,
) -> FeedEvent:
    """Tell of what is no document, and return the event.

    The row that the notice is *about* is locked, so that its events have numbers without gaps.
    """
    row = await tx.connection.fetchrow(
        "INSERT INTO document_events (about, document_id, seq, dossier_id, at, name, detail)"
        " SELECT $1, $2, coalesce(max(seq), 0) + 1, $3, $4, $5, $6 FROM document_events"
        f" WHERE document_id = $2 AND dossier_id = $3 RETURNING {_COLUMNS}",
        about,
        subject_id,
        tx.dossier_id,
        now,
        name,
        msgspec.json.encode(detail).decode(),
    )
    return _event_of(row)


async def read_changes(
    tx: Transaction,
    *,
    after: Place = START,
    since: datetime,
    limit: int,
    direction: str | None = None,
    status: str | None = None,
) -> Stretch:
    """Return up to *limit* documents whose last change is behind *after* and later than *since*.

    Each is there once, as it stands; one that changes again comes again, behind.
    """
    rows = await tx.connection.fetch(
        _CHANGED,
        tx.dossier_id,
        str(after.xid),
        after.document_id,
        since,
        limit + 1,
        *places_of(direction, status),
        await _find_horizon(tx),
    )
    return _stretch_of(rows, after, limit)


async def list_inbox(tx: Transaction, *, limit: int, after: Place = START) -> Stretch:
    """Return up to *limit* received documents that nobody acknowledged, as they came in."""
    rows = await tx.connection.fetch(
        f"SELECT {COLUMNS}, arrived::text AS place FROM documents WHERE dossier_id = $1"
        " AND direction = 'in' AND status = 'delivered' AND acknowledged_at IS NULL"
        " AND (arrived, id) > ($2::text::xid8, $3) AND arrived < $5::text::xid8"
        " ORDER BY arrived, id LIMIT $4",
        tx.dossier_id,
        str(after.xid),
        after.document_id,
        limit + 1,
        await _find_horizon(tx),
    )
    return _stretch_of(rows, after, limit)


async def acknowledge(tx: Transaction, document_id: UUID, *, now: datetime) -> bool:
    """Take a delivered document out of the inbox; False if it is not there (any more)."""
    taken = await tx.connection.fetchval(
        "UPDATE documents SET acknowledged_at = $3 WHERE id = $1 AND dossier_id = $2"
        " AND direction = 'in' AND status = 'delivered' AND acknowledged_at IS NULL"
        " RETURNING true",
        document_id,
        tx.dossier_id,
        now,
    )
    return bool(taken)


async def _find_horizon(tx: Transaction) -> str:
    """Return the transaction before which all have ended: what they wrote is visible from now on.

    In a statement before that which reads the rows: a snapshot taken with theirs may be too old to
    tell other databases' transactions from this one's.
    """
    place: str = await tx.connection.fetchval("SELECT gateway_horizon()::text")
    return place


def _stretch_of(rows: Sequence[Any], after: Place, limit: int) -> Stretch:
    """Make a Stretch of rows with COLUMNS and a place, of which one may be too many."""
    page = rows[:limit]
    place = Place(int(page[-1]["place"]), page[-1]["id"], 0) if page else after
    return Stretch([document_of(row) for row in page], place, len(rows) > limit)


def _event_of(row: Any) -> FeedEvent:
    place = Place(int(row["written"]), row["document_id"], row["seq"])
    about = About.DOCUMENT if row["about"] is None else About(row["about"])
    return FeedEvent(about, row["document_id"], event_of(row), place)
