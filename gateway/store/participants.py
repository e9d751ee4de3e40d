"""Whom we serve: participants, the documents they take, and where we send senders instead.

The receive path asks `find_services`, the SMP server `find_publication`; both look across dossiers.
A participant belongs to one dossier.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

import asyncpg

from gateway.errors import Fault, Kind
from gateway.store.counting import count_alone
from gateway.store.pool import ExchangeTransaction, Transaction
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

__all__ = [
    "Participant",
    "Publication",
    "Redirect",
    "Served",
    "Service",
    "delete_participant",
    "find_participant",
    "find_publication",
    "find_services",
    "is_registered",
    "list_participants",
    "put_participant",
    "put_redirect",
]

PARTICIPANTS_MAX: Final = 10_000  # LIMIT: participants of one dossier.
PAGE_MAX: Final = 200  # LIMIT: participants on one page.
PAGE_SERVICES_MAX: Final = 2_000  # LIMIT: what they take in all, if the page has more than one.
COLUMNS: Final = "key, dossier_id, scheme, value, version, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of document that a participant takes, in one process."""

    document_type: DocumentTypeId
    process: ProcessId


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another SMP that answers for one document type; its certificate's subject is *uid*.

    [PEPPOL-SMP]
    """

    document_type: DocumentTypeId
    href: str
    certificate_uid: str


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant of a dossier with what it takes."""

    participant: ParticipantId
    services: tuple[Service, ...]
    redirects: tuple[Redirect, ...]
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """That a dossier, in *country*, takes this kind of document."""

    dossier_id: UUID
    country: str
    service: Service


@dataclass(frozen=True, slots=True)
class Publication:
    """What our SMP says of a participant; *version* is another after each change."""

    participant: ParticipantId
    services: tuple[Service, ...]
    redirects: tuple[Redirect, ...]
    version: int


async def put_participant(
    tx: Transaction, participant: ParticipantId, services: Sequence[Service], *, now: datetime
) -> Participant:
    """Let *participant* take exactly *services*, whether it was known or not.

    Raises Fault (CONFLICT): `participant-taken` if it belongs to another dossier,
    `too-many-participants` if this one has as many as it may.
    """
    await _make_room(tx, participant)
    await _upsert(tx, participant, now)
    await tx.connection.execute(
        "DELETE FROM participant_services WHERE participant_key = $1 AND dossier_id = $2",
        participant.key,
        tx.dossier_id,
    )
    await tx.connection.executemany(
        "INSERT INTO participant_services (participant_key, dossier_id, document_type, process)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [
            (participant.key, tx.dossier_id, service.document_type.uri, service.process.uri)
            for service in services
        ],
    )
    return await _stored(tx, participant)


async def put_redirect(
    tx: Transaction, participant: ParticipantId, redirect: Redirect, *, now: datetime
) -> Participant:
    """Point senders of one document type to another SMP, in place of an earlier redirect."""
    await _make_room(tx, participant)
    await _upsert(tx, participant, now)
    await tx.connection.execute(
        "INSERT INTO participant_redirects"
        " (participant_key, dossier_id, document_type, href, certificate_uid)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (participant_key, document_type)"
        " DO UPDATE SET href = excluded.href, certificate_uid = excluded.certificate_uid",
        participant.key,
        tx.dossier_id,
        redirect.document_type.uri,
        redirect.href,
        redirect.certificate_uid,
    )
    return await _stored(tx, participant)


async def find_participant(tx: Transaction, participant: ParticipantId) -> Participant | None:
    """Return the participant with what it takes, or None if this dossier has no such one."""
    found = await tx.connection.fetch(
        f"SELECT {COLUMNS} FROM participants WHERE key = $1 AND dossier_id = $2",
        participant.key,
        tx.dossier_id,
    )
    return next(iter(await _complete(tx.connection, found)), None)


async def is_registered(tx: Transaction, participant: ParticipantId) -> bool:
    """Return whether *participant* is one of this dossier's."""
    found = await tx.connection.fetchval(
        "SELECT true FROM participants WHERE key = $1 AND dossier_id = $2",
        participant.key,
        tx.dossier_id,
    )
    return found is True


async def list_participants(
    tx: Transaction, *, limit: int, after: ParticipantId | None = None
) -> tuple[list[Participant], bool]:
    """Return up to *limit* participants of this dossier behind *after*, and whether more follow.

    They come by identifier.  Those that take much fill a page before there are *limit* of them.
    """
    rows = await tx.connection.fetch(
        f"SELECT {COLUMNS}, (SELECT count(*) FROM participant_services s"
        " WHERE s.participant_key = p.key AND s.dossier_id = $1) AS taken"
        " FROM participants p WHERE dossier_id = $1 AND key > $2 ORDER BY key LIMIT $3",
        tx.dossier_id,
        "" if after is None else after.key,
        max(1, min(limit, PAGE_MAX)) + 1,
    )
    so_far = accumulate(row["taken"] for row in rows)
    fitting = sum(taken <= PAGE_SERVICES_MAX for taken in so_far)
    page = rows[: max(1, min(limit, PAGE_MAX, fitting))]
    return await _complete(tx.connection, page), len(rows) > len(page)


async def delete_participant(tx: Transaction, participant: ParticipantId) -> bool:
    """Stop serving *participant*; say False if this dossier has no such participant."""
    deleted = await tx.connection.fetchval(
        "DELETE FROM participants WHERE key = $1 AND dossier_id = $2 RETURNING true",
        participant.key,
        tx.dossier_id,
    )
    return deleted is True


async def find_services(xtx: ExchangeTransaction, receiver_key: str) -> list[Served]:
    """Return what the participant with the key *receiver_key* takes; empty: not served."""
    rows = await xtx.connection.fetch(
        "SELECT s.dossier_id, d.country, s.document_type, s.process"
        " FROM participant_services s JOIN dossiers d ON d.id = s.dossier_id"
        " WHERE s.participant_key = $1 ORDER BY s.document_type, s.process",
        receiver_key,
    )
    return [Served(row["dossier_id"], row["country"], _service(row)) for row in rows]


async def find_publication(xtx: ExchangeTransaction, participant_key: str) -> Publication | None:
    """Return what to publish of the participant with that key, or None."""
    rows = await xtx.connection.fetch(
        f"SELECT {COLUMNS} FROM participants WHERE key = $1", participant_key
    )
    one = next(iter(await _complete(xtx.connection, rows)), None)
    if one is None:
        return None
    return Publication(one.participant, one.services, one.redirects, one.version)


async def _upsert(tx: Transaction, participant: ParticipantId, now: datetime) -> None:
    """Make or touch the participant's row; every touch is a new version."""
    try:
        ours = await tx.connection.fetchval(
            "INSERT INTO participants"
            " (key, dossier_id, scheme, value, version, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, nextval('publication_version'), $5, $5)"
            " ON CONFLICT (key) DO UPDATE"
            " SET version = excluded.version, updated_at = excluded.updated_at"
            " WHERE participants.dossier_id = excluded.dossier_id RETURNING true",
            participant.key,
            tx.dossier_id,
            participant.scheme,
            participant.value,
            now,
        )
    except asyncpg.InsufficientPrivilegeError:
        # Row security hides the other dossier's row, and refuses to change it.
        ours = None
    if ours is None:
        detail = f"{participant.value} is registered by another dossier of this gateway"
        raise Fault(Kind.CONFLICT, "participant-taken", detail)


async def _stored(tx: Transaction, participant: ParticipantId) -> Participant:
    found = await find_participant(tx, participant)
    assert found is not None  # it was written in this transaction
    return found


async def _make_room(tx: Transaction, participant: ParticipantId) -> None:
    """Raise Fault (CONFLICT, `too-many-participants`) if *participant* is one too many."""
    if await is_registered(tx, participant):
        return
    await count_alone(tx, "participants")
    count = await tx.connection.fetchval(
        "SELECT count(*) FROM participants WHERE dossier_id = $1", tx.dossier_id
    )
    if count >= PARTICIPANTS_MAX and not await is_registered(tx, participant):
        detail = f"this dossier has {PARTICIPANTS_MAX} participants, and no more fit into one"
        raise Fault(Kind.CONFLICT, "too-many-participants", detail)


async def _complete(connection: Any, rows: Sequence[Any]) -> list[Participant]:
    """Return the participants of one dossier in *rows*, with services and redirects, in order."""
    if not rows:
        return []
    given = [row["key"] for row in rows], rows[0]["dossier_id"]
    services = await connection.fetch(
        "SELECT participant_key, document_type, process FROM participant_services"
        " WHERE participant_key = ANY($1::text[]) AND dossier_id = $2"
        " ORDER BY document_type, process",
        *given,
    )
    redirects = await connection.fetch(
        "SELECT participant_key, document_type, href, certificate_uid FROM participant_redirects"
        " WHERE participant_key = ANY($1::text[]) AND dossier_id = $2 ORDER BY document_type",
        *given,
    )
    taken, elsewhere = defaultdict(list), defaultdict(list)
    for row in services:
        taken[row["participant_key"]].append(_service(row))
    for row in redirects:
        elsewhere[row["participant_key"]].append(_redirect(row))
    return [
        Participant(
            ParticipantId(row["scheme"], row["value"]),
            tuple(taken[row["key"]]),
            tuple(elsewhere[row["key"]]),
            row["version"],
            row["created_at"],
            row["updated_at"],
        )
        for row in rows
    ]


def _service(row: Any) -> Service:
    return Service(DocumentTypeId.parse(row["document_type"]), ProcessId.parse(row["process"]))


def _redirect(row: Any) -> Redirect:
    document_type = DocumentTypeId.parse(row["document_type"])
    return Redirect(document_type, row["href"], row["certificate_uid"])
