"""A document comes in over the API: read as it arrives, checked, stored with the job that sends it.

Reading keeps a small document in memory and writes a larger one to the archive; only what can be
routed and breaks no rule is stored. Storing is one transaction: document, first steps of its
timeline, job and idempotency key are there together or not at all.
"""

import asyncio
import binascii
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from gateway.clock import Clock
from gateway.errors import Fault, Kind, Problem
from gateway.exchange.checking import Checking, judge, refusal_of
from gateway.exchange.forms import Forms
from gateway.exchange.holding import Held, Holding, Limits
from gateway.exchange.numbers import guard_number
from gateway.exchange.repeats import claim, find_answer
from gateway.exchange.states import Status
from gateway.store import documents, participants
from gateway.store.archive import Archive
from gateway.store.documents import Document, NewDocument, Step
from gateway.store.idempotency import Stored, finish_key
from gateway.store.jobs import DocumentRef, Job, document_job, enqueue_all
from gateway.store.pool import Database, Transaction
from ubl.errors import BadIdentifier, MalformedKind, MalformedXml, UblError, UnknownDocument
from ubl.identifiers import ParticipantId, check_participant
from ubl.routing import Routing, RoutingReader

__all__ = ["Accepted", "FixedEndpoint", "Intake", "Limits", "Submission", "Upload"]

PIECE_BYTES = 64 * 1024  # LIMIT: what is parsed at a time, while nobody else has a turn.
_ACCEPTED = 202
_MALFORMED: dict[MalformedKind, tuple[str, str]] = {
    "syntax": ("not-xml", "send the UBL document itself, as well-formed XML"),
    "doctype": ("doctype-refused", "remove the DOCTYPE: UBL documents need none"),
    "too_deep": ("too-deep", "UBL documents nest a few levels; this is none"),
    "encoding": ("not-utf-8", "save the document as UTF-8"),
    "too_large": ("not-xml", "no UBL document has a name or attribute of this size"),
    "nul": ("not-xml", "remove the character U+0000"),
    "interrupted": ("not-xml", "the document ends too early: send all of it"),
}
"""For each way in which bytes are no XML for us: the code of the refusal, and what mends it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A document as it was handed in: what it says of itself, and its bytes.

    *body_sha256* is of all bytes.
    """

    routing: Routing
    body_sha256: bytes
    held: Held


@dataclass(frozen=True, slots=True)
class FixedEndpoint:
    """Where to send without a look-up: the address of an access point, its certificate (DER)."""

    address: str
    certificate: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What the caller says beside the document: his key for it, its receiver, where to send it.

    *duplicate*: send it although another has its number.  *language* is that of the hints in a
    refusal; documents of higher *priority* are sent first.
    """

    idempotency_key: str | None = None
    to: ParticipantId | None = None
    endpoint: FixedEndpoint | None = None
    duplicate: bool = False
    language: str = "en"
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A checked document: its row, the steps that begin its timeline, why it is refused, if so."""

    row: NewDocument
    steps: Sequence[Step]
    refusal: Fault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a submission, and the answer to it: an HTTP status and a body.

    *replayed*: it had been accepted before under the same key, and this was the answer then.
    """

    document_id: UUID
    status: int
    body: bytes
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Where documents come in; *word* makes the answer that the caller gets.

    Those that come as a form are made into UBL by *forms* before they are read.
    """

    db: Database
    archive: Archive
    clock: Clock
    limits: Limits
    checking: Checking
    forms: Forms
    word: Callable[[Document], bytes]

    @asynccontextmanager
    async def read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Upload]:
        """Read a document to its end and yield it; a file that nobody kept is discarded.

        Raises Fault: TOO_LARGE, or INVALID with the place and the fix.
        """
        reading = _Reading(self.archive, self.clock.uuid().hex, self.limits)
        try:
            async for chunk in chunks:
                for start in range(0, len(chunk), PIECE_BYTES):
                    if start:
                        await asyncio.sleep(0)  # others have their turn
                    reading.feed(chunk[start : start + PIECE_BYTES])
            yield reading.close()
        finally:
            reading.discard()

    async def accept(self, dossier_id: UUID, upload: Upload, submission: Submission) -> Accepted:
        """Store *upload* and the job that sends it, or find that it is stored already.

        Raises Fault (INVALID) when the sender is none of the dossier's, the receiver is another
        than the caller meant, the key was used for something else, or the document is not valid;
        CONFLICT when its number was sent before.  What was accepted before under the same key
        stays accepted.
        """
        _check_receiver(upload.routing, submission.to)
        before = await self._look(dossier_id, upload, submission)
        if before is not None:
            return before
        spool = upload.held.spool
        name = await spool.keep() if spool is not None else None
        accepted = None
        try:
            candidate = await self._check(upload, submission, name)
            async with self.db.transaction(dossier_id) as tx:
                accepted = await self._store(tx, upload, submission, candidate)
        finally:
            # A kept file that no row names would only be swept at the next start.
            if name is not None and (accepted is None or accepted.replayed):
                self.archive.delete(name)
        return accepted

    async def _look(
        self, dossier_id: UUID, upload: Upload, submission: Submission
    ) -> Accepted | None:
        """Return what was answered before; refuse a sender that is not ours.

        The transaction that stores the document decides again: this spares a check in vain.
        """
        key = submission.idempotency_key
        async with self.db.transaction(dossier_id) as tx:
            if key is not None:
                before = await find_answer(tx, key, _fingerprint(upload, submission))
                if before is not None:
                    return _accepted_before(before)
            await _check_sender(tx, upload.routing)
        return None

    async def _check(self, upload: Upload, submission: Submission, name: str | None) -> _Candidate:
        """Check what will be sent of *upload*: its root element."""
        routing = upload.routing
        size = routing.root_end - routing.root_offset
        report = await self.checking.check(self._root(upload, name), size)
        verdict = judge(report)
        row = self._new_document(upload, submission, name, await self._root_sha256(upload, name))
        row = replace(row, valid=verdict.valid, report=verdict.report)
        detail = {
            "text": f"Accepted: {row.kind} {row.number or ''} for {row.receiver}",
            "receiver": row.receiver,
            "warnings": _warnings(routing),
        }
        steps = (Step(row.created_at, Status.ACCEPTED, detail), verdict.step(row.created_at))
        refusal = refusal_of(
            report,
            accept_uncovered=self.checking.accept_uncovered,
            language=submission.language,
        )
        return _Candidate(row=row, steps=steps, refusal=refusal)

    async def _store(
        self, tx: Transaction, upload: Upload, submission: Submission, candidate: _Candidate
    ) -> Accepted:
        key = submission.idempotency_key
        if key is not None:
            fingerprint = _fingerprint(upload, submission)
            before = await claim(tx, key, fingerprint, now=self.clock.now())
            if before is not None:
                return _accepted_before(before)
        await _check_sender(tx, upload.routing)
        if candidate.refusal is not None:
            raise candidate.refusal
        await guard_number(tx, upload.routing, candidate.row.id, anyway=submission.duplicate)
        document = await documents.insert_document(tx, candidate.row)
        await documents.append_steps(tx, document.id, candidate.steps)
        ref = DocumentRef(document.dossier_id, document.id)
        job = document_job(Job.SEND_DOCUMENT, ref, priority=submission.priority)
        await enqueue_all(tx, [job])
        body = self.word(document)
        if key is not None:
            answer = Stored(status=_ACCEPTED, body=body, document_id=document.id)
            await finish_key(tx, key, answer)
        return Accepted(document_id=document.id, status=_ACCEPTED, body=body, replayed=False)

    def _new_document(
        self, upload: Upload, submission: Submission, name: str | None, root_sha256: bytes
    ) -> NewDocument:
        routing = upload.routing
        return NewDocument(
            id=self.clock.uuid(),
            status=Status.ACCEPTED,
            sender=routing.sender.value,
            receiver=routing.receiver.value,
            document_type=routing.document_type.uri,
            process=routing.process.uri,
            created_at=self.clock.now(),
            kind=routing.root_name,
            number=routing.number,
            content_sha256=root_sha256,
            root_offset=routing.root_offset,
            size_bytes=routing.root_end - routing.root_offset,
            options=_options(submission),
            content=upload.held.content,
            content_file=name,
        )

    async def _root_sha256(self, upload: Upload, name: str | None) -> bytes:
        """Return the digest of the document from its root's first byte to its last."""
        digest = hashlib.sha256()
        async for piece in self._root(upload, name):
            digest.update(piece)
        return digest.digest()

    async def _root(self, upload: Upload, name: str | None) -> AsyncIterator[bytes]:
        """Yield the document from its root's first byte to its last, as it will be sent."""
        start, end = upload.routing.root_offset, upload.routing.root_end
        if name is None:
            assert upload.held.content is not None
            yield upload.held.content[start:end]
            return
        async for piece in self.archive.read(name, start, end - start):
            yield piece


class _Reading:
    """A document that is still arriving."""

    def __init__(self, archive: Archive, unique: str, limits: Limits) -> None:
        self._holding = Holding(archive, unique, limits)
        self._reader = RoutingReader()
        self._digest = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, or refuse all of it."""
        self._holding.feed(chunk)
        self._digest.update(chunk)
        with _refusals():
            self._reader.feed(chunk)

    def close(self) -> Upload:
        """Return the document, complete."""
        with _refusals():
            routing = self._reader.close()
        return Upload(routing, self._digest.digest(), self._holding.close())

    def discard(self) -> None:
        """Remove the file of a large document that nobody kept."""
        self._holding.discard()


def _check_receiver(routing: Routing, wanted: ParticipantId | None) -> None:
    """Refuse a document whose receiver is another than the one the caller meant."""
    if wanted is not None and wanted != routing.receiver:
        problem = Problem(
            rule="receiver-differs",
            location=routing.parties[1],
            message=f"the document goes to {routing.receiver}",
            hint=f"send it to {routing.receiver}, or put {wanted} into the document",
        )
        detail = f"the document's receiver is {routing.receiver}, not {wanted}"
        raise Fault(Kind.INVALID, "receiver-differs", detail, errors=[problem])


async def _check_sender(tx: Transaction, routing: Routing) -> None:
    """Refuse a document whose sender is none of the dossier's participants."""
    sender = routing.sender
    if not await participants.is_registered(tx, sender):
        problem = Problem(
            rule="sender-not-ours",
            location=routing.parties[0],
            message=f"{sender} is not registered here",
            hint=f"register it: PUT /v1/participants/{sender}; or correct the EndpointID",
        )
        detail = f"the document's sender {sender} is none of this dossier's participants"
        raise Fault(Kind.INVALID, "sender-not-ours", detail, errors=[problem])


def _accepted_before(answer: Stored) -> Accepted:
    # What has the fingerprint of a document was answered for one.
    assert answer.document_id is not None
    return Accepted(
        document_id=answer.document_id, status=answer.status, body=answer.body, replayed=True
    )


def _warnings(routing: Routing) -> list[str]:
    """Return what looks wrong about the parties' numbers; that is no reason to refuse."""
    return [*check_participant(routing.sender), *check_participant(routing.receiver)]


def _options(submission: Submission) -> dict[str, str]:
    """Return what the caller asked for, as the job that sends the document will read it."""
    if submission.endpoint is None:
        return {}
    certificate = binascii.b2a_base64(submission.endpoint.certificate, newline=False).decode()
    return {"endpoint": submission.endpoint.address, "certificate": certificate}


def _fingerprint(upload: Upload, submission: Submission) -> bytes:
    """Return the digest of all that a repeated submission must repeat."""
    digest = hashlib.sha256(upload.body_sha256)
    if submission.endpoint is not None:
        digest.update(submission.endpoint.address.encode())
        digest.update(submission.endpoint.certificate)
    return digest.digest()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what `ubl` says of a document into a refusal that names the place and the fix."""
    try:
        yield
    except UblError as error:
        raise _refusal(error) from error


def _refusal(error: UblError) -> Fault:
    if isinstance(error, MalformedXml):
        code, hint = _MALFORMED[error.kind]
        place = "" if error.line is None else f"line {error.line}, column {error.column}"
    elif isinstance(error, UnknownDocument):
        code, hint = "unknown-document", "send a UBL document of a known type, complete"
        place = ", ".join(
            part for part in (error.element, error.line and f"line {error.line}") if part
        )
    else:
        kind = "identifier" if isinstance(error, BadIdentifier) else "document"
        code, hint, place = f"bad-{kind}", "", ""
    problem = Problem(rule=code, location=place, message=error.detail, hint=hint)
    return Fault(Kind.INVALID, code, str(error), errors=[problem])
