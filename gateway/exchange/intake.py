"""A document comes in over the API: read as it arrives, judged, stored with the job that sends it.

Reading keeps a small document in memory and writes a larger one to the archive; only what can be
routed is stored. Storing is one transaction: document, first step of its timeline, job and
idempotency key are there together or not at all.
"""

import binascii
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from uuid import UUID

from gateway.clock import Clock
from gateway.errors import Fault, Kind, Problem
from gateway.exchange.states import Status
from gateway.store import documents, idempotency, participants
from gateway.store.archive import Archive, SpoolFile
from gateway.store.documents import Document, NewDocument
from gateway.store.jobs import DocumentRef, Job, document_job, enqueue_all
from gateway.store.pool import Database, Transaction
from ubl.errors import BadIdentifier, MalformedKind, MalformedXml, UblError, UnknownDocument
from ubl.identifiers import ParticipantId, check_participant
from ubl.routing import Routing, RoutingReader

__all__ = ["Accepted", "FixedEndpoint", "Intake", "Limits", "Submission", "Upload", "too_large"]

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
class Limits:
    """How large a document may be, and from when on it is kept in a file, in bytes."""

    document_bytes_max: int
    inline_bytes_max: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A document as it was handed in: what it says of itself, and its bytes.

    *content* holds a small document, *spool* a large one; *body_sha256* is of all bytes.
    """

    routing: Routing
    size_bytes: int
    body_sha256: bytes
    content: bytes | None
    spool: SpoolFile | None


@dataclass(frozen=True, slots=True)
class FixedEndpoint:
    """Where to send without a look-up: the address of an access point, its certificate (DER)."""

    address: str
    certificate: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What the caller says beside the document: his key for it, its receiver, where to send it."""

    idempotency_key: str | None = None
    to: ParticipantId | None = None
    endpoint: FixedEndpoint | None = None


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
    """Where documents come in; *word* makes the answer that the caller gets."""

    db: Database
    archive: Archive
    clock: Clock
    limits: Limits
    word: Callable[[Document], bytes]

    @asynccontextmanager
    async def read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Upload]:
        """Read a document to its end and yield it; a file that nobody kept is discarded.

        Raises Fault: TOO_LARGE, or INVALID with the place and the fix.
        """
        reading = _Reading(self.archive, self.clock.uuid().hex, self.limits)
        try:
            async for chunk in chunks:
                reading.feed(chunk)
            yield reading.close()
        finally:
            reading.discard()

    async def accept(self, dossier_id: UUID, upload: Upload, submission: Submission) -> Accepted:
        """Store *upload* and the job that sends it, or find that it is stored already.

        Raises Fault (INVALID) when the sender is none of the dossier's, the receiver is another
        than the caller meant, or the key was used for something else.
        """
        _check_receiver(upload.routing, submission.to)
        name = await upload.spool.keep() if upload.spool is not None else None
        accepted = None
        try:
            new = self._new_document(
                upload, submission, name, await self._root_sha256(upload, name)
            )
            async with self.db.transaction(dossier_id) as tx:
                accepted = await self._store(tx, upload, submission, new)
        finally:
            # A kept file that no row names would only be swept at the next start.
            if name is not None and (accepted is None or accepted.replayed):
                self.archive.delete(name)
        return accepted

    async def _store(
        self, tx: Transaction, upload: Upload, submission: Submission, new: NewDocument
    ) -> Accepted:
        key = submission.idempotency_key
        if key is not None:
            before = await self._claim(tx, key, _fingerprint(upload, submission))
            if before is not None:
                return before
        await _check_sender(tx, upload.routing.sender)
        document = await documents.insert_document(tx, new)
        detail = {
            "text": f"Accepted: {document.kind} {document.number or ''} for {document.receiver}",
            "receiver": document.receiver,
            "warnings": _warnings(upload.routing),
        }
        await documents.append_event(tx, document.id, "accepted", detail, now=new.created_at)
        ref = DocumentRef(document.dossier_id, document.id)
        await enqueue_all(tx, [document_job(Job.SEND_DOCUMENT, ref)])
        body = self.word(document)
        if key is not None:
            await idempotency.finish_key(tx, key, _ACCEPTED, body, document.id)
        return Accepted(document_id=document.id, status=_ACCEPTED, body=body, replayed=False)

    async def _claim(self, tx: Transaction, key: str, fingerprint: bytes) -> Accepted | None:
        """Return the answer that the first request with *key* got; None if this is the first."""
        claim = await idempotency.claim_key(tx, key, fingerprint, now=self.clock.now())
        if claim is None:
            return None
        if isinstance(claim, idempotency.Mismatch):
            detail = "this Idempotency-Key was used for another document"
            raise Fault(Kind.INVALID, "idempotency-key-reused", detail)
        # Claim and answer are written in one transaction, so none is there without the other.
        assert claim.document_id is not None
        assert claim.status is not None
        assert claim.body is not None
        return Accepted(
            document_id=claim.document_id, status=claim.status, body=claim.body, replayed=True
        )

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
            size_bytes=routing.root_end - routing.root_offset,
            options=_options(submission),
            content=upload.content,
            content_file=name,
        )

    async def _root_sha256(self, upload: Upload, name: str | None) -> bytes:
        """Return the digest of the document from its root's first byte to its last."""
        start, end = upload.routing.root_offset, upload.routing.root_end
        if name is None:
            assert upload.content is not None
            return hashlib.sha256(memoryview(upload.content)[start:end]).digest()
        digest = hashlib.sha256()
        async for piece in self.archive.read(name, start, end - start):
            digest.update(piece)
        return digest.digest()


class _Reading:
    """A document that is still arriving."""

    def __init__(self, archive: Archive, unique: str, limits: Limits) -> None:
        self._archive = archive
        self._unique = unique
        self._limits = limits
        self._reader = RoutingReader()
        self._digest = hashlib.sha256()
        self._size = 0
        self._head = bytearray()
        self._spool: SpoolFile | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, or refuse all of it."""
        self._size += len(chunk)
        if self._size > self._limits.document_bytes_max:
            raise too_large(self._limits.document_bytes_max)
        with _refusals():
            self._reader.feed(chunk)
        self._digest.update(chunk)
        if self._spool is None and len(self._head) + len(chunk) <= self._limits.inline_bytes_max:
            self._head += chunk
            return
        if self._spool is None:
            self._spool = self._archive.open_spool(self._unique)
            self._spool.write(bytes(self._head))
            self._head.clear()
        self._spool.write(chunk)

    def close(self) -> Upload:
        """Return the document, complete."""
        with _refusals():
            routing = self._reader.close()
        return Upload(
            routing=routing,
            size_bytes=self._size,
            body_sha256=self._digest.digest(),
            content=bytes(self._head) if self._spool is None else None,
            spool=self._spool,
        )

    def discard(self) -> None:
        """Remove the file of a large document that nobody kept."""
        if self._spool is not None:
            self._spool.discard()


def _check_receiver(routing: Routing, wanted: ParticipantId | None) -> None:
    """Refuse a document whose receiver is another than the one the caller meant."""
    if wanted is not None and wanted != routing.receiver:
        problem = Problem(
            rule="receiver-differs",
            location="EndpointID of the receiver",
            message=f"the document goes to {routing.receiver}",
            hint=f"send it to {routing.receiver}, or put {wanted} into the document",
        )
        detail = f"the document's receiver is {routing.receiver}, not {wanted}"
        raise Fault(Kind.INVALID, "receiver-differs", detail, errors=[problem])


async def _check_sender(tx: Transaction, sender: ParticipantId) -> None:
    """Refuse a document whose sender is none of the dossier's participants."""
    registered = await participants.list_participants(tx)
    if all(each.participant != sender for each in registered):
        problem = Problem(
            rule="sender-not-ours",
            location="EndpointID of the sender",
            message=f"{sender} is not registered here",
            hint=f"register it: PUT /v1/participants/{sender}; or correct the EndpointID",
        )
        detail = f"the document's sender {sender} is none of this dossier's participants"
        raise Fault(Kind.INVALID, "sender-not-ours", detail, errors=[problem])


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


def too_large(bytes_max: int) -> Fault:
    """Return the refusal of a document over *bytes_max*."""
    detail = f"the document has more than {bytes_max} bytes; document_bytes_max sets the limit"
    return Fault(Kind.TOO_LARGE, "document-too-large", detail)
