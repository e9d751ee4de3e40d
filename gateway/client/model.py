"""What the API answers, as values: the one definition that server and client share.

Instants are in UTC, digests in lower-case hexadecimal. Participants are written without their one
scheme (`0208:0123456749`), document types and processes with theirs.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.errors import Problem

FINAL_STATUSES = frozenset(
    {"delivered", "refused", "failed", "uncertain", "gave_up", "waiting", "broken"}
)
"""Statuses after which nothing happens by itself any more."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One business document, sent (`out`) or received (`in`).

    *message_id* is that of the AS4 message which carries it, once there is one; *sha256* is of the
    document from its root's first byte to its last.
    """

    id: UUID
    direction: str
    status: str
    sender: str
    receiver: str
    document_type: str
    process: str
    created_at: datetime
    updated_at: datetime
    kind: str | None = None
    number: str | None = None
    instance_identifier: str | None = None
    message_id: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    flags: tuple[str, ...] = ()


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some documents, newest first; *next_cursor* asks for those that follow."""

    documents: tuple[Document, ...]
    has_more: bool
    next_cursor: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One step on a document's timeline; *seq* grows by one from step to step."""

    seq: int
    at: datetime
    name: str
    detail: dict[str, Any]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All steps of a document so far, oldest first."""

    events: tuple[Event, ...]


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A document type that a participant takes, in a process."""

    document_type: str
    process: str


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A participant of the dossier, and what it takes."""

    participant: str
    services: tuple[Service, ...]


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to register a participant with; without *services*: BIS Billing invoice, credit note."""

    services: tuple[Service, ...] | None = None


class Participants(msgspec.Struct, frozen=True, kw_only=True):
    """All participants of the dossier."""

    participants: tuple[Participant, ...]


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as the API words it; clients branch on *code*.  [RFC9457 §3]"""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[Problem, ...] = ()
