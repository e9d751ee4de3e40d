"""Whom we serve: participants, the documents they take, and where we send senders instead.

The receive path asks `find_services`, the SMP server `find_publication`; both look across dossiers.
A participant belongs to one dossier.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from gateway.errors import Fault, Kind
from gateway.store.pool import ExchangeTransaction, Transaction
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

__all__ = [
    "Participant",
    "Publication",
    "Redirect",
    "Served",
    "Service",
    "delete_participant",
    "find_publication",
    "find_services",
    "list_participants",
    "put_participant",
    "put_redirect",
]


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

    Raises Fault (CONFLICT, `participant-taken`) if it belongs to another dossier.
    """
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
    return (await _read(tx.connection, participant.key, tx.dossier_id))[0]


async def put_redirect(
    tx: Transaction, participant: ParticipantId, redirect: Redirect, *, now: datetime
) -> Participant:
    """Point senders of one document type to another SMP, in place of an earlier redirect."""
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
    return (await _read(tx.connection, participant.key, tx.dossier_id))[0]


async def list_participants(tx: Transaction) -> list[Participant]:
    """Return the participants of this dossier, by identifier."""
    return await _read(tx.connection, None, tx.dossier_id)


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
    found = await _read(xtx.connection, participant_key, None)
    if not found:
        return None
    one = found[0]
    return Publication(one.participant, one.services, one.redirects, one.version)


async def _upsert(tx: Transaction, participant: ParticipantId, now: datetime) -> None:
    """Make or touch the participant's row; every touch is a new version."""
    try:
        await tx.connection.execute(
            "INSERT INTO participants"
            " (key, dossier_id, scheme, value, version, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, nextval('publication_version'), $5, $5)"
            " ON CONFLICT (key) DO UPDATE"
            " SET version = excluded.version, updated_at = excluded.updated_at",
            participant.key,
            tx.dossier_id,
            participant.scheme,
            participant.value,
            now,
        )
    except asyncpg.InsufficientPrivilegeError as exc:
        # Row security hides the other dossier's row, and refuses to change it.
        raise Fault(
            Kind.CONFLICT,
            "participant-taken",
            f"{participant.value} is registered by another dossier of this gateway",
        ) from exc


async def _read(connection: Any, key: str | None, dossier_id: UUID | None) -> list[Participant]:
    """Read participants with services and redirects; *key* or *dossier_id* may be left open."""
    wanted = {"{key}": key, "dossier_id": dossier_id}
    given = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(f"{column} = ${n}" for n, column in enumerate(given, start=1))
    of_participant = where.format(key="participant_key")
    rows = await connection.fetch(
        "SELECT key, scheme, value, version, created_at, updated_at FROM participants"
        f" WHERE {where.format(key='key')} ORDER BY key",
        *given.values(),
    )
    services = await connection.fetch(
        "SELECT participant_key, document_type, process FROM participant_services"
        f" WHERE {of_participant} ORDER BY document_type, process",
        *given.values(),
    )
    redirects = await connection.fetch(
        "SELECT participant_key, document_type, href, certificate_uid FROM participant_redirects"
        f" WHERE {of_participant} ORDER BY document_type",
        *given.values(),
    )
    return [
        Participant(
            ParticipantId(row["scheme"], row["value"]),
            tuple(_service(s) for s in services if s["participant_key"] == row["key"]),
            tuple(_redirect(r) for r in redirects if r["participant_key"] == row["key"]),
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
