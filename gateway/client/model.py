"""What the API answers, as values: the one definition that server and client share.

Instants are in UTC, digests in lower-case hexadecimal. Participants are written without their one
scheme (`0208:0123456749`), document types and processes with theirs.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from gateway.errors import Problem
from ubl.findings import Finding

FINAL_STATUSES = frozenset(
    {"delivered", "refused", "failed", "uncertain", "gave_up", "waiting", "broken"}
)
"""Statuses after which nothing happens by itself any more."""


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of rules that a document was checked with."""

    id: str
    version: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the check of a document found; *notes* say what it did not cover."""

    valid: bool
    findings: tuple[Finding, ...]
    rules: tuple[RuleSet, ...]
    engine: str
    notes: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One business document, sent (`out`) or received (`in`).

    *message_id* is that of the AS4 message which carries it, once there is one; *sha256* is of the
    document from its root's first byte to its last. *valid* is None where it was not checked;
    lists leave out what the check found.
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
    valid: bool | None = None
    acknowledged_at: datetime | None = None
    findings: tuple[Finding, ...] | msgspec.UnsetType = msgspec.UNSET
    rules: tuple[RuleSet, ...] | msgspec.UnsetType = msgspec.UNSET
    notes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some documents in the order of the list; *next_cursor* asks for those that follow."""

    documents: tuple[Document, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[Document]:
        """Give what is on the page."""
        return iter(self.documents)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One step on a document's timeline; *seq* grows by one from step to step."""

    seq: int
    at: datetime
    name: str
    detail: dict[str, Any]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All steps of a document so far, oldest first."""

    events: tuple[Event, ...]


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened: to a document, the *seq*-th step of its timeline.

    *id* is the same wherever and however often the event is told. *document_id* is None where the
    event is about an import or a webhook endpoint, which *detail* names.
    """

    id: str
    type: str
    at: datetime
    document_id: UUID | None
    seq: int
    detail: dict[str, Any]


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, oldest first; *next_cursor* asks for those that follow, now or later."""

    events: tuple[FeedEvent, ...]
    has_more: bool
    next_cursor: str

    def __iter__(self) -> Iterator[FeedEvent]:
        """Give what is on the page."""
        return iter(self.events)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A document type that a participant takes, in a process."""

    document_type: str
    process: str


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A participant of the dossier, and what it takes."""

    participant: str
    services: tuple[Service, ...]


class NewService(Service, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document type that a participant shall take, in a process."""


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to register a participant with; without *services*: BIS Billing invoice, credit note."""

    services: tuple[NewService, ...] | None = None


class Participants(msgspec.Struct, frozen=True, kw_only=True):
    """Some participants of the dossier, by identifier; *next_cursor* asks for those that follow."""

    participants: tuple[Participant, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[Participant]:
        """Give what is on the page."""
        return iter(self.participants)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the gateway is: `live`, `ready`."""

    status: str


class EndpointCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate that an endpoint publishes: whom to encrypt for."""

    subject: str
    issuer: str
    serial: str
    not_after: datetime
    sha256: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a participant takes a document type, as its publisher (SMP) signed it."""

    address: str
    transport_profile: str
    published_document_type: str
    active_from: datetime | None
    active_until: datetime | None
    certificate: EndpointCertificate


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message to a participant would go, and who says so."""

    participant: str
    document_type: str
    process: str
    smp_url: str
    smp_signer: str
    endpoint: Endpoint


class PingResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a participant's access point answered a test message.

    *phase* says how far it came; *temporary*: trying again may help.
    """

    participant: str
    address: str
    access_point: str
    message_id: str
    ok: bool
    temporary: bool
    phase: str
    outcome: str
    code: str
    detail: str
    milliseconds: int


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as the API words it; clients branch on *code*.  [RFC9457 §3]

    *phase* is there when others were asked and says how far that got: look-up, certificate, ….
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[Problem, ...] = ()
    phase: str | msgspec.UnsetType = msgspec.UNSET


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S")]
"""What people call something: not blank."""


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """A company's books in this gateway; *reference* is what your software calls it.

    What a test dossier sends goes nowhere but to recipients made for tests, unless the whole
    gateway is one for tests.
    """

    id: UUID
    name: str
    country: str
    reference: str | None
    is_test: bool
    created_at: datetime
    updated_at: datetime


class NewDossier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dossier to make: its *name*, its *country* (two letters), your own *reference* to it."""

    name: Name
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", max_length=2)]
    reference: Name | None = None


class DossierChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change about a dossier; what is left out stays, null takes a reference away."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    reference: Name | msgspec.UnsetType | None = msgspec.UNSET


class DossierPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dossiers, newest first; *next_cursor* asks for those that follow."""

    dossiers: tuple[Dossier, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[Dossier]:
        """Give what is on the page."""
        return iter(self.dossiers)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it stands: *dossiers* are those it opens, None means all of its kind.

    *hint* is how the key ends; *replaced_by* is the key that a rotation made.
    """

    id: UUID
    name: str
    hint: str
    is_test: bool
    dossiers: tuple[UUID, ...] | None
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    replaced_by: UUID | None


class FreshApiKey(ApiKey, frozen=True, kw_only=True):
    """A key that was just made: *key* is shown this once."""

    key: str


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make; it can open no more than the key that asks for it.

    Without *dossiers* it opens those that the asking key opens; *scopes* are those of the API, or
    `*` for all; without *expires_at* it ends with the asking key, if that ends.  A live key that
    opens all dossiers may ask for one that opens all test dossiers: *is_test*.
    """

    name: Name
    scopes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    dossiers: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    is_test: bool | None = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a key is replaced: for *overlap_seconds* both the old and the new one are good."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=30 * 86400)] = 86400


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some API keys, newest first; *next_cursor* asks for those that follow."""

    api_keys: tuple[ApiKey, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[ApiKey]:
        """Give what is on the page."""
        return iter(self.api_keys)
