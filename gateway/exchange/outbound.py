"""The job that sends a document: look up, seal once, send, verify the receipt, and remember.

What leaves is committed before its first byte does: the sealed bytes and the attempt. Whatever
happens after that, the next run finds either how the attempt ended or an attempt without an end,
which is one of unknown outcome. The same bytes go out under the same MessageId until a receipt is
verified, a refusal is signed, or the time is over.  [PEPPOL-AS4 §2.5] [AS4 §3.2]

One worker at a time sends a document. A worker that dies lets go of it at once.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from as4.certificates import Certificate
from as4.client import HttpAnswer
from gateway.clock import Clock
from gateway.egress import AddressRefused
from gateway.errors import Fault, Kind, Unavailable
from gateway.exchange import timeline as steps
from gateway.exchange.judgement import Sent, judge_answer, judge_failure
from gateway.exchange.outbox import Beginning, End, Outbox
from gateway.exchange.preparation import Preparation, read_references, readdress, wire_pieces
from gateway.exchange.rehearsal import RULES, Rehearsal, is_played, is_recipient
from gateway.exchange.retry import Outcome, Retry, RetryRules, Verdict, What, decide
from gateway.exchange.route import (
    Finder,
    FixedRoute,
    NoRoute,
    Route,
    Wanted,
    find_route,
    moved_away,
)
from gateway.exchange.states import Status, check_move
from gateway.exchange.timeline import Progress
from gateway.ports import MessagePoster
from gateway.store import documents
from gateway.store.archive import Archive
from gateway.store.documents import Document, Step
from gateway.store.jobs import DocumentRef, documents_of
from gateway.store.locks import Locks
from gateway.store.messages import Ending, SealedRow, SealedWire, StoredMessage
from gateway.store.pool import Database
from gateway.store.sendings import Move, Outgoing
from gateway.trust import Trust
from ubl.errors import UblError
from ubl.identifiers import parsed_document_type, parsed_participant, parsed_process

__all__ = ["Outbound"]

LOCKED_RETRY_SECONDS = 15.0
"""When to look again at a document that another worker is sending."""

_UNDER_WAY = frozenset({Status.ACCEPTED, Status.SEALED, Status.SENDING})


@dataclass(frozen=True, slots=True)
class _Case:
    """A document under way, and what happened to it so far."""

    loaded: Outgoing
    progress: Progress
    status: Status

    @property
    def document(self) -> Document:
        return self.loaded.document

    @property
    def message(self) -> StoredMessage | None:
        return self.loaded.message


@dataclass(frozen=True, slots=True)
class _Change:
    """What an attempt needs in the database first: a new message, or a new body, or nothing."""

    sealed: SealedRow | None = None
    body: SealedWire | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt at a message: what is sent, its answer if there was one, and who signed that."""

    message: SealedRow | StoredMessage
    wire: SealedWire | StoredMessage
    number: int
    answer: HttpAnswer | None = None
    signer: Certificate | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the timeline shows of it."""
        facts: dict[str, Any] = {"attempt": self.number}
        if self.answer is not None:
            facts["http_status"] = self.answer.status
        if self.signer is not None:
            facts["signed_by"] = self.signer.subject_cn
            facts["signer_sha256"] = self.signer.fingerprint.hex()
        return facts


@dataclass(slots=True, kw_only=True)
class Outbound:
    """Everything that sending needs; `send` is the handler of its job.

    *fixed_endpoints*: whether a document may name its endpoint itself, which production forbids.
    *rehearsal* plays the recipients for tests, which test dossiers alone have.
    """

    db: Database
    locks: Locks
    archive: Archive
    clock: Clock
    trust: Trust
    finder: Finder
    poster: MessagePoster
    preparation: Preparation
    rules: RetryRules
    fixed_endpoints: bool
    rehearsal: Rehearsal
    outbox: Outbox = field(init=False)
    under_way: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.db, expected=lambda: self.under_way)

    async def send(self, payload: Mapping[str, Any]) -> None:
        """Bring the document that *payload* names one attempt further.

        Raises Unavailable with the time of the next attempt, or when the database is away.
        """
        for ref in documents_of(payload):
            async with self.locks.hold(ref.document_id) as ours:
                if not ours:
                    raise Unavailable("another worker is sending it", LOCKED_RETRY_SECONDS)
                self.under_way += 1
                try:
                    await self._advance(ref)
                finally:
                    self.under_way -= 1

    async def _advance(self, ref: DocumentRef) -> None:
        case = await self._load(ref)
        if case is not None and case.status is Status.SENDING:
            await self._close_interrupted(case)
            case = await self._load(ref)
        if case is None or case.status not in _UNDER_WAY:
            return
        try:
            route = await self._route(case)
            change = await self._prepare(case, route)
        except NoRoute as stop:
            await self._end(case, stop.outcome)
            return
        attempt = await self._begin(case, route, change)
        progress = case.progress if change.sealed is None else case.progress.sealed()
        case = _Case(case.loaded, progress, Status.SENDING)
        attempt, outcome = await self._attempt(attempt)
        await self._end(case, outcome, attempt)

    async def _load(self, ref: DocumentRef) -> _Case | None:
        loaded = await self.outbox.load(ref)
        if loaded is None:
            return None
        return _Case(loaded, steps.read_progress(loaded.events), Status(loaded.document.status))

    async def _close_interrupted(self, case: _Case) -> None:
        """Record how an attempt ended that nobody saw end: nobody knows.

        The next one follows at once: the job of a dead worker comes back late enough.
        """
        assert case.message is not None
        outcome = Outcome(
            what=What.INTERRUPTED,
            code="interrupted",
            detail="the gateway stopped before it saw how the attempt ended",
        )
        attempt = _Attempt(case.message, case.message, case.message.attempt_count)
        await self._record_end(case, outcome, attempt)

    async def _route(self, case: _Case) -> Route:
        """Return where to send, asked anew for this attempt; raise NoRoute."""
        if case.loaded.is_test:
            played = self.rehearsal.find_route(case.document.receiver, case.progress)
            if played is not None:
                return played
        route = await find_route(
            self._wanted(case.document),
            finder=self.finder,
            trust=self.trust,
            now=self.clock.now(),
            refresh=case.progress.refresh,
        )
        try:
            self.poster.check(route.address)
        except AddressRefused as refusal:
            outcome = Outcome(
                what=What.ADDRESS_REFUSED, code="address-refused", detail=refusal.detail
            )
            raise NoRoute(outcome) from refusal
        return route

    def _wanted(self, document: Document) -> Wanted | FixedRoute:
        if "endpoint" not in document.options:
            return Wanted(
                parsed_participant(document.receiver),
                parsed_document_type(document.document_type),
                parsed_process(document.process),
            )
        if not self.fixed_endpoints:
            detail = "an endpoint given by the caller is for tests; production looks it up"
            code = "fixed-endpoint-refused"
            raise NoRoute(Outcome(what=What.ADDRESS_REFUSED, code=code, detail=detail))
        certificate = base64.b64decode(document.options["certificate"])
        return FixedRoute(document.options["endpoint"], certificate)

    async def _prepare(self, case: _Case, route: Route) -> _Change:
        """Return what has to change so that the message fits *route*; raise NoRoute."""
        message = case.message
        if message is None:
            return _Change(sealed=await self._seal(case, route))
        if message.receiving_ap != route.recipient.subject_cn:
            if case.progress.unknown and not case.progress.may_move:
                raise moved_away(message.receiving_ap, route)
            return _Change(sealed=await self._seal(case, route))
        if message.endpoint_certificate != route.recipient.der:
            return _Change(body=await self.preparation.renew(message, route))
        if message.endpoint_address != route.address:
            return _Change(body=readdress(message, route))
        return _Change()

    async def _seal(self, case: _Case, route: Route) -> SealedRow:
        content = case.loaded.content
        if content is None:
            async with self.db.transaction(case.document.dossier_id) as tx:
                content = await documents.find_content(tx, case.document.id)
        assert content is not None
        try:
            return await self.preparation.seal(case.document, content, case.loaded.country, route)
        except UblError as error:
            outcome = Outcome(what=What.UNSENDABLE, code="unsendable", detail=str(error))
            raise NoRoute(outcome) from error

    async def _begin(self, case: _Case, route: Route, change: _Change) -> _Attempt:
        """Commit what is about to leave, and that it leaves; return the attempt."""
        document, now = case.document, self.clock.now()
        sealed, message = change.sealed, change.sealed or case.message
        assert message is not None
        number = 1 if isinstance(message, SealedRow) else message.attempt_count + 1
        if case.status is Status.ACCEPTED:
            check_move(Status.ACCEPTED, Status.SEALED)
        check_move(Status.SEALED, Status.SENDING)
        detail = {
            "text": f"Attempt {number} at {route.address}",
            "attempt": number,
            "message_id": message.message_id,
            "endpoint": route.address,
        }
        told = [*_describe_change(case, route, change), (steps.SENDING, detail)]
        beginning = Beginning(
            dossier_id=document.dossier_id,
            move=Move(
                document_id=document.id,
                from_status=case.status,
                to_status=Status.SENDING,
                steps=[Step(now, name, data) for name, data in told],
                at=now,
                instance_identifier=None if sealed is None else sealed.instance_identifier,
            ),
            message_row_id=_row_id(message),
            sealed=sealed,
            body=change.body,
        )
        begun = await self.outbox.begin(beginning)
        if begun is None:
            raise _moved_on(case)
        self._delete_replaced(case.message, change.body)
        wire = change.body or (message.body if isinstance(message, SealedRow) else message)
        return _Attempt(message, wire, begun)

    def _delete_replaced(self, message: StoredMessage | None, body: SealedWire | None) -> None:
        """Delete the file of a body that another one has replaced, now that this is committed."""
        old = None if message is None else message.wire_file
        if old is not None and body is not None and body.wire_file != old:
            self.archive.delete(old)

    async def _attempt(self, attempt: _Attempt) -> tuple[_Attempt, Outcome]:
        """Send the message as it is stored, and judge the answer; whatever breaks is an end too."""
        try:
            return await self._exchange(attempt)
        except Exception as exc:  # noqa: BLE001 - else a bug makes attempts without an end
            return attempt, judge_failure(exc)

    async def _exchange(self, attempt: _Attempt) -> tuple[_Attempt, Outcome]:
        message, wire = attempt.message, attempt.wire
        assert wire.endpoint_address is not None
        body = wire_pieces(wire, self.archive) if wire.wire is None else wire.wire
        poster = self.rehearsal if is_played(wire.endpoint_address) else self.poster
        answer = await poster.post(wire.endpoint_address, wire.content_type, body)
        sent = Sent(
            message_id=message.message_id,
            to_party=message.receiving_ap,
            references=read_references(message.signed_references),
        )
        judgement = await judge_answer(answer, sent, trust=self.trust, now=self.clock.now())
        attempt = _Attempt(message, wire, attempt.number, answer, judgement.signer)
        return attempt, judgement.outcome

    async def _end(self, case: _Case, outcome: Outcome, attempt: _Attempt | None = None) -> None:
        """Record how a step ended; raise Unavailable when there is to be another one."""
        verdict = await self._record_end(case, outcome, attempt)
        if isinstance(verdict, Retry):
            raise Unavailable(outcome.detail, verdict.after_seconds)

    async def _record_end(self, case: _Case, outcome: Outcome, attempt: _Attempt | None) -> Verdict:
        """Commit how a step ended, what follows from it, and the evidence; return what follows."""
        document, now = case.document, self.clock.now()
        history = case.progress.history(document.created_at)
        rehearsed = case.loaded.is_test and is_recipient(document.receiver)
        rules = RULES if rehearsed else self.rules
        verdict = decide(outcome, history, rules, now=now, jitter=self._jitter())
        after = case.progress.after(outcome.what)
        data: dict[str, Any] = {} if attempt is None else attempt.facts()
        name, detail = steps.describe_ending(
            outcome, verdict, unknown=after.unknown, now=now, **data
        )
        to = steps.status_after(verdict) or (
            Status.SEALED if case.status is Status.SENDING else case.status
        )
        if to is not case.status:
            check_move(case.status, to)
        end = End(
            dossier_id=document.dossier_id,
            move=Move(
                document_id=document.id,
                from_status=case.status,
                to_status=to,
                steps=[Step(now, name, detail)],
                at=now,
            ),
            attempt=None if attempt is None else _ending(attempt, outcome, now),
        )
        if not await self.outbox.end(end):
            raise _moved_on(case)
        return verdict

    def _jitter(self) -> float:
        return int.from_bytes(self.clock.random(4)) / 2**32


def _describe_change(
    case: _Case, route: Route, change: _Change
) -> list[tuple[str, dict[str, Any]]]:
    """Return the steps that led to what is about to be sent."""
    told = [(steps.LOOKED_UP, steps.describe_route(route))]
    if change.sealed is not None:
        name = steps.SEALED if case.message is None else steps.SEALED_ANEW
        told.append((name, steps.describe_sealing(change.sealed)))
    elif (
        change.body is not None
        and case.message is not None
        and change.body.endpoint_certificate != case.message.endpoint_certificate
    ):
        told.append((steps.ENCRYPTION_RENEWED, steps.describe_renewal(case.message, route)))
    return told


def _ending(attempt: _Attempt, outcome: Outcome, now: datetime) -> Ending:
    """Return how *attempt* ended, with the answer as it came."""
    answer = attempt.answer
    return Ending(
        message_row_id=_row_id(attempt.message),
        number=attempt.number,
        at=now,
        outcome=outcome.what,
        phase=outcome.rule.phase,
        detail=f"{outcome.code}: {outcome.detail}" if outcome.code else outcome.detail,
        answer=None if answer is None else answer.body,
        answer_content_type=None if answer is None else answer.content_type,
    )


def _row_id(message: SealedRow | StoredMessage) -> UUID:
    return message.message_row_id if isinstance(message, SealedRow) else message.id


def _moved_on(case: _Case) -> Fault:
    return Fault(Kind.CONFLICT, "status-changed", f"the document is no longer {case.status}")
