"""Documents over HTTP: hand one in, follow it, get it back with its evidence.

The handlers read the request and word the answer; what happens in between is `gateway.exchange`.
"""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.client import model
from gateway.errors import Fault, Kind
from gateway.exchange import content, evidence
from gateway.exchange.intake import Intake, Limits, Submission, too_large
from gateway.exchange.states import Status
from gateway.store import documents
from gateway.store.messages.carriers import find_message_ids
from gateway.store.pool import Transaction
from gateway.web import parameters
from gateway.web.jsonbody import json_response
from gateway.web.security import DOSSIER
from gateway.web.services import SERVICES, Services

__all__ = [
    "list_documents",
    "post_document",
    "show_alive",
    "show_document",
    "show_ready",
    "show_timeline",
    "stream_evidence",
    "stream_ubl",
]

_CHUNK_BYTES = 64 * 1024
_XML_TYPE = re.compile(r"(application|text)/([^;\s]+\+)?xml")


async def show_alive(_request: web.Request) -> web.Response:
    """Say that the process runs; needs no key."""
    return json_response({"status": "live"})


async def show_ready(request: web.Request) -> web.Response:
    """Say whether the gateway takes work; needs no key."""
    await request.app[SERVICES].ready()
    return json_response({"status": "ready"})


async def post_document(request: web.Request) -> web.Response:
    """Accept a UBL document: 202 once it and the job that sends it are stored."""
    services = request.app[SERVICES]
    intake = _intake(services)
    _check_body(request, intake.limits)
    submission = Submission(
        idempotency_key=parameters.idempotency_key(request),
        to=parameters.receiver(request),
        endpoint=parameters.fixed_endpoint(request, services.settings.stage),
    )
    async with intake.read(request.content.iter_chunked(_CHUNK_BYTES)) as upload:
        accepted = await intake.accept(request[DOSSIER], upload, submission)
    headers = {"Location": f"/v1/documents/{accepted.document_id}"}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    return web.Response(
        status=accepted.status,
        body=accepted.body,
        content_type="application/json",
        headers=headers,
    )


async def list_documents(request: web.Request) -> web.Response:
    """Show one page of documents, newest first."""
    limit = parameters.page_limit(request)
    before = parameters.cursor(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        found = await documents.list_documents(
            tx,
            limit=limit + 1,
            before=before,
            direction=parameters.choice(request, "direction", ("in", "out")),
            status=parameters.choice(request, "status", tuple(Status)),
        )
        page = found[:limit]
        carriers = await find_message_ids(tx, [each.id for each in page])
    has_more = len(found) > limit
    return json_response(
        model.DocumentPage(
            documents=tuple(_answer(each, carriers.get(each.id)) for each in page),
            has_more=has_more,
            next_cursor=parameters.write_cursor(page[-1]) if has_more else None,
        )
    )


async def show_document(request: web.Request) -> web.Response:
    """Show one document."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        document = await _get_document(tx, parameters.document_id(request))
        carriers = await find_message_ids(tx, [document.id])
    return json_response(_answer(document, carriers.get(document.id)))


async def show_timeline(request: web.Request) -> web.Response:
    """Show every step of a document so far."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        document = await _get_document(tx, parameters.document_id(request))
        events = await documents.list_events(tx, document.id)
    return json_response(
        model.Timeline(
            events=tuple(
                model.Event(seq=each.seq, at=each.at, name=each.name, detail=each.detail)
                for each in events
            )
        )
    )


async def stream_ubl(request: web.Request) -> web.StreamResponse:
    """Send the document itself, byte for byte."""
    services = request.app[SERVICES]
    async with services.db.transaction(request[DOSSIER]) as tx:
        document = await _get_document(tx, parameters.document_id(request))
        pieces = await content.open_document(tx, services.archive, document)
    return await _stream(request, pieces, "application/xml", f"{document.id}.xml")


async def stream_evidence(request: web.Request) -> web.StreamResponse:
    """Send the ZIP with what proves that the document was sent or received."""
    services = request.app[SERVICES]
    async with services.db.transaction(request[DOSSIER]) as tx:
        document = await _get_document(tx, parameters.document_id(request))
        exhibits = await evidence.collect_exhibits(tx, services.archive, document)
    pieces = evidence.write_zip(exhibits, at=document.updated_at)
    return await _stream(request, pieces, "application/zip", f"{document.id}.zip")


async def _stream(
    request: web.Request, pieces: AsyncIterator[bytes], content_type: str, name: str
) -> web.StreamResponse:
    """Send *pieces*; the first is made before the head, so that trouble can still be a problem."""
    first = await anext(pieces, b"")
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _intake(services: Services) -> Intake:
    settings = services.settings
    return Intake(
        db=services.db,
        archive=services.archive,
        clock=services.clock,
        limits=Limits(settings.document_bytes_max, settings.inline_bytes_max),
        word=_word,
    )


def _word(document: documents.Document) -> bytes:
    """Return the answer to whoever handed *document* in."""
    return msgspec.json.encode(_answer(document, None))


def _check_body(request: web.Request, limits: Limits) -> None:
    """Refuse what can be refused by its head alone."""
    if not _XML_TYPE.fullmatch(request.content_type):
        raise web.HTTPUnsupportedMediaType(
            text=f"send the UBL document as application/xml, not {request.content_type}"
        )
    if request.content_length is not None and request.content_length > limits.document_bytes_max:
        raise too_large(limits.document_bytes_max)


async def _get_document(tx: Transaction, document_id: UUID) -> documents.Document:
    """Return the document, or raise Fault (NOT_FOUND): another dossier's is as absent as none."""
    document = await documents.find_document(tx, document_id)
    if document is None:
        raise Fault(Kind.NOT_FOUND, "document-not-found", f"there is no document {document_id}")
    return document


def _answer(document: documents.Document, message_id: str | None) -> model.Document:
    return model.Document(
        id=document.id,
        direction=document.direction,
        status=document.status,
        sender=document.sender,
        receiver=document.receiver,
        document_type=document.document_type,
        process=document.process,
        created_at=document.created_at,
        updated_at=document.updated_at,
        kind=document.kind,
        number=document.number,
        instance_identifier=document.instance_identifier,
        message_id=message_id,
        sha256=document.content_sha256.hex() if document.content_sha256 is not None else None,
        size_bytes=document.size_bytes,
        flags=tuple(document.flags),
    )
