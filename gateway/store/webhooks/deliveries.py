"""What endpoints are to be told: one delivery for each event and endpoint, and the log of attempts.

Deliveries of an endpoint are made in the order of its events, and tried in the order in which they
are due.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from gateway.store.documents import NEWEST
from gateway.store.pool import ExchangeTransaction, Transaction

__all__ = [
    "PRUNE_MAX",
    "Attempt",
    "Delivery",
    "DeliveryStatus",
    "NewDelivery",
    "Result",
    "count_pending",
    "find_due",
    "insert_deliveries",
    "list_attempts",
    "list_deliveries",
    "mark_failing",
    "prune_deleted",
    "prune_deliveries",
    "record_attempt",
]

PRUNE_MAX: Final = 5_000
"""LIMIT: deliveries that are forgotten in one go."""

_COLUMNS = """id, endpoint_id, event_id, event_type, body, status, attempt_count, next_attempt_at,
    created_at, updated_at"""
DeliveryStatus = str
"""`pending`, `delivered` or `failed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """An event to tell an endpoint of: *body* is what will be sent."""

    id: UUID
    event_id: str
    event_type: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as it stands; *next_attempt_at* is there as long as it is pending."""

    id: UUID
    endpoint_id: UUID
    event_id: str
    event_type: str
    body: str
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: the HTTP *status* and how the *answer* begins, or the *error* without one."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    answer: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt leaves of its delivery."""

    status: DeliveryStatus
    next_attempt_at: datetime | None


async def insert_deliveries(
    tx: Transaction, endpoint_id: UUID, new: Sequence[NewDelivery], *, now: datetime
) -> None:
    """Make the deliveries *new*, due at once, in the order of their ids."""
    await tx.connection.execute(
        "INSERT INTO webhook_deliveries (id, endpoint_id, dossier_id, event_id, event_type, body,"
        " status, next_attempt_at, created_at, updated_at)"
        " SELECT n.id, $1, $2, n.event_id, n.event_type, n.body, 'pending', $3, $3, $3"
        " FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[])"
        " AS n (id, event_id, event_type, body)",
        endpoint_id,
        tx.dossier_id,
        now,
        [each.id for each in new],
        [each.event_id for each in new],
        [each.event_type for each in new],
        [each.body for each in new],
    )


async def count_pending(tx: Transaction, endpoint_id: UUID, *, most: int) -> int:
    """Return how many deliveries of the endpoint are pending, at most *most*."""
    found: int = await tx.connection.fetchval(
        "SELECT count(*) FROM (SELECT FROM webhook_deliveries"
        " WHERE endpoint_id = $1 AND dossier_id = $2 AND status = 'pending' LIMIT $3) AS waiting",
        endpoint_id,
        tx.dossier_id,
        most,
    )
    return found


async def find_due(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> Delivery | None:
    """Return the delivery of the endpoint that has been due for longest, if one is."""
    row = await tx.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE endpoint_id = $1 AND dossier_id = $2"
        " AND status = 'pending' AND next_attempt_at <= $3 ORDER BY next_attempt_at, id LIMIT 1",
        endpoint_id,
        tx.dossier_id,
        now,
    )
    return None if row is None else _delivery_of(row)


async def record_attempt(
    tx: Transaction, delivery_id: UUID, attempt: Attempt, result: Result
) -> bool:
    """Log *attempt* and what follows from it; False if somebody else made it meanwhile."""
    done = await tx.connection.fetchval(
        "WITH moved AS ("
        " UPDATE webhook_deliveries SET status = $3, next_attempt_at = $4, updated_at = $5,"
        " attempt_count = $6 WHERE id = $1 AND dossier_id = $2 AND status = 'pending'"
        " AND attempt_count = $6 - 1 RETURNING id"
        ") INSERT INTO webhook_attempts (delivery_id, number, dossier_id, at, milliseconds,"
        " status, answer, error) SELECT id, $6, $2, $5, $7, $8, $9, $10 FROM moved RETURNING true",
        delivery_id,
        tx.dossier_id,
        result.status,
        result.next_attempt_at,
        attempt.at,
        attempt.number,
        attempt.milliseconds,
        attempt.status,
        attempt.answer,
        attempt.error,
    )
    return bool(done)


async def mark_failing(tx: Transaction, endpoint_id: UUID, since: datetime | None) -> None:
    """Note since when the endpoint fails; None: it does not."""
    await tx.connection.execute(
        "UPDATE webhook_endpoints SET failing_since = $3 WHERE id = $1 AND dossier_id = $2",
        endpoint_id,
        tx.dossier_id,
        since,
    )


async def list_deliveries(
    tx: Transaction,
    endpoint_id: UUID,
    *,
    limit: int,
    status: DeliveryStatus | None = None,
    before: tuple[datetime, UUID] | None = None,
) -> list[Delivery]:
    """Return up to *limit* deliveries of the endpoint, the newest first."""
    given = endpoint_id, tx.dossier_id, limit, *(before or NEWEST)
    if status is None:
        rows = await tx.connection.fetch(
            f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE endpoint_id = $1 AND dossier_id = $2"
            " AND (created_at, id) < ($4, $5) ORDER BY created_at DESC, id DESC LIMIT $3",
            *given,
        )
    else:
        # With plain equality the planner may read those of all statuses, expecting few.
        rows = await tx.connection.fetch(
            f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE dossier_id = $2"
            " AND (endpoint_id, status) >= ($1, $6)"
            " AND (endpoint_id, status, created_at, id) < ($1, $6, $4, $5)"
            " ORDER BY endpoint_id DESC, status DESC, created_at DESC, id DESC LIMIT $3",
            *given,
            status,
        )
    return [_delivery_of(row) for row in rows]


async def list_attempts(
    tx: Transaction, delivery_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[Attempt]]:
    """Return the attempts of each delivery, the first one first."""
    rows = await tx.connection.fetch(
        "SELECT delivery_id, number, at, milliseconds, status, answer, error FROM webhook_attempts"
        " WHERE dossier_id = $1 AND delivery_id = ANY($2::uuid[]) ORDER BY delivery_id, number",
        tx.dossier_id,
        list(delivery_ids),
    )
    found: dict[UUID, list[Attempt]] = {each: [] for each in delivery_ids}
    for row in rows:
        found[row["delivery_id"]].append(
            Attempt(
                number=row["number"],
                at=row["at"],
                milliseconds=row["milliseconds"],
                status=row["status"],
                answer=row["answer"],
                error=row["error"],
            )
        )
    return found


async def prune_deliveries(xtx: ExchangeTransaction, *, before: datetime) -> int:
    """Forget deliveries made before the instant *before*, with their log; return how many.

    Those that are pending stay.  An id begins with the instant it was made at.
    """
    oldest_kept = UUID(int=int(before.timestamp() * 1000) << 80)
    rows = await xtx.connection.fetch(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries"
        " WHERE id < $1 AND status <> 'pending' ORDER BY id LIMIT $2) RETURNING id",
        oldest_kept,
        PRUNE_MAX,
    )
    return len(rows)


async def prune_deleted(xtx: ExchangeTransaction) -> int:
    """Forget deliveries of endpoints that were deleted, at last the endpoints; return how many."""
    rows = await xtx.connection.fetch(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT d.id FROM webhook_endpoints e,"
        " LATERAL (SELECT id FROM webhook_deliveries WHERE endpoint_id = e.id LIMIT $1) AS d"
        " WHERE e.deleted_at IS NOT NULL LIMIT $1) RETURNING id",
        PRUNE_MAX,
    )
    if rows:
        return len(rows)
    gone = await xtx.connection.fetch(
        "DELETE FROM webhook_endpoints WHERE id IN (SELECT e.id FROM webhook_endpoints e"
        " WHERE e.deleted_at IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id) LIMIT $1) RETURNING id",
        PRUNE_MAX,
    )
    return len(gone)


def _delivery_of(row: Any) -> Delivery:
    return Delivery(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        body=row["body"],
        status=row["status"],
        attempt_count=row["attempt_count"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
