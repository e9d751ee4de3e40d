"""Endpoints of webhooks, and the secrets that messages to them are signed with.

A secret has to be readable to sign with, so it is not hashed: row security shows it to its dossier
alone, the role that looks across dossiers cannot read it, and beyond that it is as safe as the
database and its backups.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from gateway.store.feed import Place, find_place
from gateway.store.pool import Transaction

__all__ = [
    "ENDPOINTS_MAX",
    "SECRETS_MAX",
    "Disabled",
    "Endpoint",
    "add_secret",
    "change_endpoint",
    "delete_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "find_endpoint",
    "insert_endpoint",
    "list_endpoints",
    "list_secrets",
    "rewind_endpoint",
]

ENDPOINTS_MAX: Final = 20
"""LIMIT: endpoints of one dossier."""
SECRETS_MAX: Final = 4
"""LIMIT: secrets of an endpoint that are good at a time; each message is signed with all."""

_COLUMNS = """id, url, description, event_types, is_enabled, disabled_reason, disabled_at,
    failing_since, replaying_since, created_at, updated_at, place_xid::text AS place_xid,
    place_document, place_seq, replaying_xid::text AS replaying_xid, replaying_document,
    replaying_seq"""


class Disabled(StrEnum):
    """Why an endpoint gets nothing."""

    REQUESTED = "requested"
    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint as it stands; no *event_types* means all of them.

    *failing_since* is its first failure after the last success. *place* is how far it has read the
    feed; while *replaying_since*, it reads again what is later than that; behind *replaying_before*
    all is new to it.
    """

    id: UUID
    url: str
    description: str | None
    event_types: tuple[str, ...]
    is_enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    replaying_since: datetime | None
    replaying_before: Place | None
    place: Place
    created_at: datetime
    updated_at: datetime

    def wants(self, event_type: str) -> bool:
        """Return whether the endpoint is told of such events."""
        return not self.event_types or event_type in self.event_types

    def is_new(self, place: Place) -> bool:
        """Return whether the endpoint reads what is at *place* of the feed for the first time."""
        before = None if self.replaying_since is None else self.replaying_before
        return before is None or place > before

    def repeats(self, place: Place, at: datetime) -> bool:
        """Return whether the event of the instant *at* is told again: a replay goes back so far."""
        since = self.replaying_since
        return since is not None and at > since and not self.is_new(place)


async def insert_endpoint(
    tx: Transaction,
    endpoint_id: UUID,
    *,
    url: str,
    description: str | None,
    event_types: Sequence[str],
    now: datetime,
) -> bool:
    """Make an endpoint that reads what happens from now on; False if there are too many."""
    await tx.connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints' || $1::uuid, 0))",
        tx.dossier_id,
    )
    made = await tx.connection.fetchval(
        "INSERT INTO webhook_endpoints (id, dossier_id, url, description, event_types, is_enabled,"
        " place_xid, place_document, place_seq, relayed_at, created_at, updated_at)"
        " SELECT $1, $2, $3, $4, $5, true, gateway_horizon(), $8, 0, $6, $6, $6"
        " WHERE (SELECT count(*) FROM webhook_endpoints"
        " WHERE dossier_id = $2 AND deleted_at IS NULL) < $7"
        " RETURNING true",
        endpoint_id,
        tx.dossier_id,
        url,
        description,
        list(event_types),
        now,
        ENDPOINTS_MAX,
        UUID(int=0),
    )
    return bool(made)


async def find_endpoint(
    tx: Transaction, endpoint_id: UUID, *, lock: bool = False
) -> Endpoint | None:
    """Return the endpoint; with *lock* nobody else changes it before the transaction ends."""
    row = await tx.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE id = $1 AND dossier_id = $2"
        f" AND deleted_at IS NULL{' FOR NO KEY UPDATE' if lock else ''}",
        endpoint_id,
        tx.dossier_id,
    )
    return None if row is None else _endpoint_of(row)


async def list_endpoints(tx: Transaction) -> list[Endpoint]:
    """Return all endpoints of the dossier, the newest first."""
    rows = await tx.connection.fetch(
        f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE dossier_id = $1 AND deleted_at IS NULL"
        " ORDER BY created_at DESC, id DESC",
        tx.dossier_id,
    )
    return [_endpoint_of(row) for row in rows]


async def change_endpoint(
    tx: Transaction,
    endpoint_id: UUID,
    *,
    url: str,
    description: str | None,
    event_types: Sequence[str],
    now: datetime,
) -> None:
    """Let the endpoint have these values from now on."""
    await tx.connection.execute(
        "UPDATE webhook_endpoints SET url = $3, description = $4, event_types = $5, updated_at = $6"
        " WHERE id = $1 AND dossier_id = $2",
        endpoint_id,
        tx.dossier_id,
        url,
        description,
        list(event_types),
        now,
    )


async def enable_endpoint(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> None:
    """Let the endpoint go on where it stopped, as if it had never failed."""
    await tx.connection.execute(
        "UPDATE webhook_endpoints SET is_enabled = true, disabled_reason = NULL,"
        " disabled_at = NULL, failing_since = NULL, updated_at = $3"
        " WHERE id = $1 AND dossier_id = $2 AND NOT is_enabled AND deleted_at IS NULL",
        endpoint_id,
        tx.dossier_id,
        now,
    )


async def disable_endpoint(
    tx: Transaction, endpoint_id: UUID, reason: Disabled, *, now: datetime
) -> bool:
    """Let the endpoint get nothing; its place and what waits for it stay.  False if it was so."""
    done = await tx.connection.fetchval(
        "UPDATE webhook_endpoints SET is_enabled = false, disabled_reason = $3, disabled_at = $4,"
        " updated_at = $4 WHERE id = $1 AND dossier_id = $2 AND is_enabled RETURNING true",
        endpoint_id,
        tx.dossier_id,
        reason,
        now,
    )
    return bool(done)


async def delete_endpoint(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> bool:
    """Forget the endpoint and its secrets; False if there is no such endpoint.

    Its deliveries are not seen any more; they are forgotten by and by (`prune_deleted`), for a
    transaction that took long over them would hold up the events of all dossiers.
    """
    done = await tx.connection.fetchval(
        "UPDATE webhook_endpoints SET is_enabled = false, deleted_at = $4, updated_at = $4,"
        " disabled_reason = coalesce(disabled_reason, $3)"
        " WHERE id = $1 AND dossier_id = $2 AND deleted_at IS NULL RETURNING true",
        endpoint_id,
        tx.dossier_id,
        Disabled.REQUESTED,
        now,
    )
    await tx.connection.execute(
        "DELETE FROM webhook_secrets WHERE endpoint_id = $1 AND dossier_id = $2",
        endpoint_id,
        tx.dossier_id,
    )
    return bool(done)


async def rewind_endpoint(tx: Transaction, endpoint: Endpoint, since: datetime) -> datetime:
    """Let the endpoint, which is locked, read again what is later than *since*.

    Returns since when it reads: earlier, if such a replay is under way already.
    """
    if endpoint.replaying_since is not None:
        since = min(since, endpoint.replaying_since)
    place = min(endpoint.place, await find_place(tx, since))
    before = max(endpoint.place, endpoint.replaying_before or endpoint.place)
    await tx.connection.execute(
        "UPDATE webhook_endpoints SET place_xid = $3::text::xid8, place_document = $4,"
        " place_seq = $5, replaying_since = $6, replaying_xid = $7::text::xid8,"
        " replaying_document = $8, replaying_seq = $9 WHERE id = $1 AND dossier_id = $2",
        endpoint.id,
        tx.dossier_id,
        str(place.xid),
        place.document_id,
        place.seq,
        since,
        str(before.xid),
        before.document_id,
        before.seq,
    )
    return since


async def add_secret(
    tx: Transaction, endpoint_id: UUID, secret: bytes, *, now: datetime, others_until: datetime
) -> None:
    """Let *secret* sign from now on; the others of the endpoint end at *others_until*, or before.

    Those that ended already are forgotten.
    """
    await tx.connection.execute(
        "DELETE FROM webhook_secrets"
        " WHERE endpoint_id = $1 AND dossier_id = $2 AND expires_at <= $3",
        endpoint_id,
        tx.dossier_id,
        now,
    )
    await tx.connection.execute(
        "UPDATE webhook_secrets SET expires_at = least(expires_at, $3)"
        " WHERE endpoint_id = $1 AND dossier_id = $2",
        endpoint_id,
        tx.dossier_id,
        others_until,
    )
    await tx.connection.execute(
        "INSERT INTO webhook_secrets (endpoint_id, dossier_id, secret, created_at)"
        " VALUES ($1, $2, $3, $4)",
        endpoint_id,
        tx.dossier_id,
        secret,
        now,
    )


async def list_secrets(tx: Transaction, endpoint_id: UUID, *, now: datetime) -> list[bytes]:
    """Return the secrets that are good at *now*, the newest first."""
    rows = await tx.connection.fetch(
        "SELECT secret FROM webhook_secrets WHERE endpoint_id = $1 AND dossier_id = $2"
        " AND (expires_at IS NULL OR expires_at > $3) ORDER BY created_at DESC, secret",
        endpoint_id,
        tx.dossier_id,
        now,
    )
    return [bytes(row["secret"]) for row in rows]


def _endpoint_of(row: Any) -> Endpoint:
    before = None
    if row["replaying_xid"] is not None:
        document_id, seq = row["replaying_document"], row["replaying_seq"]
        before = Place(int(row["replaying_xid"]), document_id, seq)
    return Endpoint(
        id=row["id"],
        url=row["url"],
        description=row["description"],
        event_types=tuple(row["event_types"]),
        is_enabled=row["is_enabled"],
        disabled_reason=row["disabled_reason"],
        disabled_at=row["disabled_at"],
        failing_since=row["failing_since"],
        replaying_since=row["replaying_since"],
        replaying_before=before,
        place=Place(int(row["place_xid"]), row["place_document"], row["place_seq"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
