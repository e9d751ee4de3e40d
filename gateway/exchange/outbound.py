"""The job that sends a document: look up, seal once, send, verify the receipt, and remember.

What leaves is committed before its first byte does: the sealed bytes and the attempt. Whatever
happens after that, the next run finds either how the attempt ended or an attempt without an end,
which is one of unknown outcome. The same bytes go out under the same MessageId until a receipt is
verified, a refusal is signed, or the time is over.  [PEPPOL-AS4 §2.5] [AS4 §3.2]

One worker at a time sends a document. A worker that dies lets go of it at once.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from as4.certificates import Certificate
from as4.client import HttpAnswer, TransportFailure
from gateway.clock import Clock
from gateway.egress import AddressRefused
from gateway.errors import Unavailable
from gateway.exchange import states
from gateway.exchange import timeline as steps
from gateway.exchange.judgement import Sent, judge_answer, judge_failure
from gateway.exchange.preparation import (
    Preparation,
    read_references,
    readdress,
    wire_pieces,
)
from gateway.exchange.retry import Outcome, Retry, RetryRules, Verdict, What, decide
from gateway.exchange.route import Finder, FixedRoute, NoRoute, Route, Wanted, find_route
from gateway.exchange.states import Status
from gateway.exchange.timeline import Progress
from gateway.ports import MessagePoster
from gateway.store import documents, messages
from gateway.store.archive import Archive
from gateway.store.documents import Document
from gateway.store.dossiers import get_dossier
from gateway.store.jobs import DocumentRef, documents_of
from gateway.store.locks import Locks
from gateway.store.messages import SealedRow, SealedWire, StoredMessage
from gateway.store.pool import Database, Transaction
from gateway.trust import Trust
from ubl.errors import UblError
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

__all__ = ["Outbound"]

LOCKED_RETRY_SECONDS = 15.0
"""When to look again at a document that another worker is sending."""

_UNDER_WAY = frozenset({Status.ACCEPTED, Status.SEALED, Status.SENDING})


@dataclass(frozen=True, slots=True)
class _Case:
    """A document, the message sealed for it if there is one, and what happened to it so far."""

    document: Document
    country: str
    message: StoredMessage | None
    progress: Progress

    @property
    def status(self) -> Status:
        return Status(self.document.status)

    @property
    def unknown(self) -> bool:
        """Whether the present message may be at the receiver already."""
        return self.progress.history(self.document.created_at).unknown


@dataclass(frozen=True, slots=True)
class _Change:
    """What an attempt needs in the database first: a new message, or a new body, or nothing."""

    sealed: SealedRow | None = None
    body: SealedWire | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt that was made, its answer if there was one, and who signed that."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """Everything that sending needs; `send` is the handler of its job.

    *fixed_endpoints*: whether a document may name its endpoint itself, which production forbids.
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

    async def send(self, payload: Mapping[str, Any]) -> None:
        """Bring the document that *payload* names one attempt further.

        Raises Unavailable with the time of the next attempt, or when the database is away.
        """
        for ref in documents_of(payload):
            async with self.locks.hold(ref.document_id) as ours:
                if not ours:
                    raise Unavailable("another worker is sending it", LOCKED_RETRY_SECONDS)
                await self._advance(ref)

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
        case, number = await self._begin(case, route, change)
        attempt, outcome = await self._attempt(case, number)
        await self._end(case, outcome, attempt)

    async def _load(self, ref: DocumentRef) -> _Case | None:
        async with self.db.transaction(ref.dossier_id) as tx:
            return await self._load_in(tx, ref.document_id)

    async def _load_in(self, tx: Transaction, document_id: UUID) -> _Case | None:
        document = await documents.find_document(tx, document_id)
        if document is None or document.direction != "out":
            return None
        return _Case(
            document=document,
            country=(await get_dossier(tx)).country,
            message=await messages.find_message(tx, document_id),
            progress=steps.read_progress(await documents.list_events(tx, document_id)),
        )

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
        await self._record_end(case, outcome, _Attempt(case.message.attempt_count))

    async def _route(self, case: _Case) -> Route:
        """Return where to send, asked anew for this attempt; raise NoRoute."""
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
                ParticipantId.parse(document.receiver),
                DocumentTypeId.parse(document.document_type),
                ProcessId.parse(document.process),
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
            if case.unknown:
                raise NoRoute(_moved(message, route))
            return _Change(sealed=await self._seal(case, route))
        if message.endpoint_certificate != route.recipient.der:
            return _Change(body=await self.preparation.renew(message, route))
        if message.endpoint_address != route.address:
            return _Change(body=readdress(message, route))
        return _Change()

    async def _seal(self, case: _Case, route: Route) -> SealedRow:
        async with self.db.transaction(case.document.dossier_id) as tx:
            content = await documents.find_content(tx, case.document.id)
        assert content is not None
        try:
            return await self.preparation.seal(case.document, content, case.country, route)
        except UblError as error:
            outcome = Outcome(what=What.UNSENDABLE, code="unsendable", detail=str(error))
            raise NoRoute(outcome) from error

    async def _begin(self, case: _Case, route: Route, change: _Change) -> tuple[_Case, int]:
        """Commit what is about to leave, and that it leaves; return the case as it then stands."""
        document, now = case.document, self.clock.now()
        async with self.db.transaction(document.dossier_id) as tx:
            await _write_change(tx, case, route, change, now)
            if case.status is Status.ACCEPTED:
                await states.move(tx, document.id, Status.ACCEPTED, Status.SEALED, now=now)
            message = await messages.find_message(tx, document.id)
            assert message is not None
            number = await messages.start_attempt(tx, message.id, now=now)
            detail = {
                "text": f"Attempt {number} at {route.address}",
                "attempt": number,
                "message_id": message.message_id,
                "endpoint": route.address,
            }
            await documents.append_event(tx, document.id, steps.SENDING, detail, now=now)
            await states.move(tx, document.id, Status.SEALED, Status.SENDING, now=now)
            begun = await self._load_in(tx, document.id)
        assert begun is not None
        self._delete_replaced(case.message, change.body)
        return begun, number

    def _delete_replaced(self, message: StoredMessage | None, body: SealedWire | None) -> None:
        """Delete the file of a body that another one has replaced, now that this is committed."""
        old = None if message is None else message.wire_file
        if old is not None and body is not None and body.wire_file != old:
            self.archive.delete(old)

    async def _attempt(self, case: _Case, number: int) -> tuple[_Attempt, Outcome]:
        """Send the message as it is stored, and judge the answer."""
        message = case.message
        assert message is not None
        assert message.endpoint_address is not None
        body = wire_pieces(message, self.archive) if message.wire is None else message.wire
        try:
            answer = await self.poster.post(message.endpoint_address, message.content_type, body)
        except TransportFailure as failure:
            return _Attempt(number), judge_failure(failure)
        sent = Sent(
            message_id=message.message_id,
            to_party=message.receiving_ap,
            references=read_references(message.signed_references),
        )
        judgement = await judge_answer(answer, sent, trust=self.trust, now=self.clock.now())
        return _Attempt(number, answer, judgement.signer), judgement.outcome

    async def _end(self, case: _Case, outcome: Outcome, attempt: _Attempt | None = None) -> None:
        """Record how a step ended; raise Unavailable when there is to be another one."""
        verdict = await self._record_end(case, outcome, attempt)
        if isinstance(verdict, Retry):
            raise Unavailable(outcome.detail, verdict.after_seconds)

    async def _record_end(self, case: _Case, outcome: Outcome, attempt: _Attempt | None) -> Verdict:
        """Commit how a step ended, what follows from it, and the evidence; return what follows."""
        document, now = case.document, self.clock.now()
        history = case.progress.history(document.created_at)
        verdict = decide(outcome, history, self.rules, now=now, jitter=self._jitter())
        after = case.progress.after(outcome.what).history(document.created_at)
        data: dict[str, Any] = {} if attempt is None else attempt.facts()
        name, detail = steps.describe_ending(
            outcome, verdict, unknown=after.unknown, now=now, **data
        )
        async with self.db.transaction(document.dossier_id) as tx:
            if attempt is not None and case.message is not None:
                await _write_attempt(tx, case.message, attempt, outcome, now)
            await documents.append_event(tx, document.id, name, detail, now=now)
            await _settle(tx, case, verdict, now)
        return verdict

    def _jitter(self) -> float:
        return int.from_bytes(self.clock.random(4)) / 2**32


async def _write_change(
    tx: Transaction, case: _Case, route: Route, change: _Change, now: datetime
) -> None:
    """Store what is about to be sent, with the steps that led to it."""
    document_id = case.document.id
    await documents.append_event(
        tx, document_id, steps.LOOKED_UP, steps.describe_route(route), now=now
    )
    if change.sealed is not None:
        row = change.sealed
        await messages.insert_sealed(tx, row)
        await documents.set_document_facts(
            tx, document_id, instance_identifier=row.instance_identifier
        )
        name = steps.SEALED if case.message is None else steps.SEALED_ANEW
        await documents.append_event(tx, document_id, name, steps.describe_sealing(row), now=now)
    elif change.body is not None and case.message is not None:
        await messages.replace_sealed(tx, case.message.id, change.body)
        if change.body.endpoint_certificate != case.message.endpoint_certificate:
            detail = steps.describe_renewal(case.message, route)
            await documents.append_event(tx, document_id, steps.ENCRYPTION_RENEWED, detail, now=now)


async def _write_attempt(
    tx: Transaction, message: StoredMessage, attempt: _Attempt, outcome: Outcome, now: datetime
) -> None:
    """Store how an attempt ended, with the answer as it came; a receipt also with its message."""
    answer = attempt.answer
    await messages.finish_attempt(
        tx,
        message.id,
        attempt.number,
        outcome=outcome.what,
        phase=outcome.rule.phase,
        detail=f"{outcome.code}: {outcome.detail}" if outcome.code else outcome.detail,
        answer=None if answer is None else answer.body,
        answer_content_type=None if answer is None else answer.content_type,
        now=now,
    )
    if outcome.what is What.RECEIPT and answer is not None:
        await messages.record_receipt(
            tx, message.id, receipt=answer.body, content_type=answer.content_type
        )


async def _settle(tx: Transaction, case: _Case, verdict: Verdict, now: datetime) -> None:
    """Move the document to where *verdict* leaves it: back to sealed when it is tried again."""
    to = steps.status_after(verdict) or (
        Status.SEALED if case.status is Status.SENDING else case.status
    )
    if to is not case.status:
        await states.move(tx, case.document.id, case.status, to, now=now)


def _moved(message: StoredMessage, route: Route) -> Outcome:
    detail = (
        f"the receiver moved from {message.receiving_ap} to {route.recipient.subject_cn},"
        f" but {message.receiving_ap} may have the message already"
    )
    return Outcome(what=What.OTHER_ACCESS_POINT, code="other-access-point", detail=detail)
