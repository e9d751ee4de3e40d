"""How endpoints read the feed of their dossier, and which of all dossiers' have something to do."""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.store.documents import COLUMNS, Document, document_of
from gateway.store.feed import Place
from gateway.store.pool import ExchangeTransaction, Transaction
from gateway.store.webhooks.endpoints import Endpoint

__all__ = [
    "DueEndpoint",
    "EndpointRef",
    "find_behind",
    "find_documents",
    "find_due_endpoints",
    "make_room",
    "move_on",
]

# relayed_at: when the endpoint last had a turn to read; infinity while too much waits to be sent.
# The horizon is asked for once, not for each endpoint; ordered, the events are read by their index.
BEHIND = """
SELECT e.id, e.dossier_id FROM webhook_endpoints e LEFT JOIN LATERAL (
    SELECT v.seq FROM document_events v WHERE v.dossier_id = e.dossier_id
        AND (v.xid, v.document_id, v.seq) > (e.place_xid, e.place_document, e.place_seq)
        AND v.xid < (SELECT gateway_horizon())
    ORDER BY v.xid, v.document_id, v.seq LIMIT 1
) AS next ON true
WHERE e.is_enabled AND e.relayed_at < 'infinity'
    AND (e.replaying_since IS NOT NULL OR next.seq IS NOT NULL)
ORDER BY e.relayed_at LIMIT $1
"""

DUE = """
SELECT e.id, e.dossier_id, e.url, e.failing_since IS NOT NULL AS is_failing
FROM webhook_endpoints e CROSS JOIN LATERAL (
    SELECT d.next_attempt_at FROM webhook_deliveries d
    WHERE d.endpoint_id = e.id AND d.status = 'pending' AND d.next_attempt_at <= $1
    ORDER BY d.next_attempt_at, d.id LIMIT 1
) AS head
WHERE e.is_enabled AND e.id <> ALL($2::uuid[])
ORDER BY head.next_attempt_at LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class EndpointRef:
    """An endpoint and the dossier it belongs to."""

    dossier_id: UUID
    id: UUID


@dataclass(frozen=True, slots=True)
class DueEndpoint:
    """An endpoint that has something to be sent now; *is_failing*: its last attempt failed."""

    ref: EndpointRef
    url: str
    is_failing: bool


async def find_behind(xtx: ExchangeTransaction, *, limit: int) -> list[EndpointRef]:
    """Return up to *limit* endpoints that have not read all of their feed, each in its turn."""
    rows = await xtx.connection.fetch(BEHIND, limit)
    return [EndpointRef(row["dossier_id"], row["id"]) for row in rows]


async def find_due_endpoints(
    xtx: ExchangeTransaction, *, now: datetime, without: Collection[UUID], limit: int
) -> list[DueEndpoint]:
    """Return up to *limit* endpoints that are due, the longest due first, but none of *without*."""
    rows = await xtx.connection.fetch(DUE, now, list(without), limit)
    return [
        DueEndpoint(EndpointRef(row["dossier_id"], row["id"]), row["url"], row["is_failing"])
        for row in rows
    ]


async def find_documents(
    tx: Transaction, document_ids: Collection[UUID]
) -> Mapping[UUID, Document]:
    """Return the documents by their ids."""
    rows = await tx.connection.fetch(
        f"SELECT {COLUMNS} FROM documents WHERE dossier_id = $1 AND id = ANY($2::uuid[])",
        tx.dossier_id,
        list(document_ids),
    )
    return {row["id"]: document_of(row) for row in rows}


async def move_on(
    tx: Transaction,
    endpoint: Endpoint,
    place: Place,
    *,
    at_end: bool,
    now: datetime,
    is_full: bool = False,
) -> None:
    """Note that the endpoint, which is locked, has read the feed up to *place*.

    *at_end*: there was no more of it, so a replay that was under way is over.  *is_full*: it reads
    no more until `make_room`.
    """
    await tx.connection.execute(
        "UPDATE webhook_endpoints SET place_xid = $3::text::xid8, place_document = $4,"
        " place_seq = $5, relayed_at = CASE WHEN $8 THEN 'infinity' ELSE $6::timestamptz END,"
        " replaying_since = CASE WHEN $7 THEN NULL ELSE replaying_since END"
        " WHERE id = $1 AND dossier_id = $2",
        endpoint.id,
        tx.dossier_id,
        str(place.xid),
        place.document_id,
        place.seq,
        now,
        at_end,
        is_full,
    )


async def make_room(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> None:
    """Let the endpoint, which is locked, read on if it was full: one delivery less waits."""
    await tx.connection.execute(
        "UPDATE webhook_endpoints SET relayed_at = $3"
        " WHERE id = $1 AND dossier_id = $2 AND relayed_at = 'infinity'",
        endpoint_id,
        tx.dossier_id,
        now,
    )
