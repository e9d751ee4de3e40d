"""Documents over HTTP: hand one in, follow it, get it back with its evidence.

The handlers read the request and word the answer; what happens in between is `gateway.exchange`.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web

from gateway.client import model
from gateway.exchange import content, evidence
from gateway.exchange.checking import read_findings
from gateway.exchange.intake import Submission
from gateway.exchange.states import Status
from gateway.store import documents
from gateway.store.messages.carriers import find_message_ids
from gateway.web import cursors, parameters
from gateway.web.access import DOSSIER
from gateway.web.answers import document_answer, get_document
from gateway.web.feed import UPDATED_AFTER, list_changes
from gateway.web.formbody import FORM_TYPE, read_invoice
from gateway.web.intakes import intake_of
from gateway.web.jsonbody import json_response
from gateway.web.rates import RATES
from gateway.web.route import JSON, KEY, LANGUAGE, PAGED, XML, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from gateway.web.streams import arriving, send
from gateway.web.xmlbody import check_xml_head
from ubl.form import InvoiceForm

__all__ = ["ROUTES"]

_TO: Final = Parameter("to", "the receiver you mean, as 0208:0123456749; another is refused")
_DUPLICATE: Final = Parameter("duplicate", "send it although its number was sent", ("allow",))
_ENDPOINT: Final = Parameter("endpoint", "send here without a look-up; never in production")
_CERTIFICATE: Final = Parameter(
    "Endpoint-Certificate", "of the access point at endpoint, Base64 of its DER", place="header"
)
_PAGE: Final = (
    *PAGED,
    Parameter("direction", "sent or received ones", ("in", "out")),
    Parameter("status", "those that stand there", tuple(Status)),
    UPDATED_AFTER,
)


async def post_document(request: web.Request) -> web.Response:
    """Accept a document, as UBL or as the JSON form of an invoice: 202 once it is stored.

    The job that sends it is stored with it.
    """
    services = request.app[SERVICES]
    intake = intake_of(services)
    bytes_max = intake.limits.document_bytes_max
    if request.content_type == FORM_TYPE:
        chunks = read_invoice(request, bytes_max, services.forms)
    else:
        check_xml_head(request, bytes_max)
        chunks = arriving(request)
    submission = Submission(
        idempotency_key=parameters.idempotency_key(request),
        to=parameters.receiver(request),
        endpoint=parameters.fixed_endpoint(request, services.settings.stage),
        duplicate=parameters.choice(request, "duplicate", ("allow",)) is not None,
        language=parameters.language(request),
        priority=request.app[RATES].priority(request[DOSSIER]),
    )
    async with intake.read(chunks) as upload:
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
    """Show one page of documents, newest first.

    With `updated_after` the order is that of their last changes, and `next_cursor` is always
    given: ask again with both for what changes later.
    """
    since = parameters.instant(request, "updated_after")
    direction = parameters.choice(request, "direction", ("in", "out"))
    status = parameters.choice(request, "status", tuple(Status))
    if since is not None:
        return await list_changes(request, since)
    limit = parameters.page_limit(request)
    before = cursors.read_row(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        found = await documents.list_documents(
            tx, limit=limit + 1, before=before, direction=direction, status=status
        )
        page, has_more, cursor = cursors.cut_page(request, found, limit)
        carriers = await find_message_ids(tx, [each.id for each in page])
    return json_response(
        model.DocumentPage(
            documents=tuple(document_answer(each, carriers.get(each.id)) for each in page),
            has_more=has_more,
            next_cursor=cursor,
        )
    )


async def show_document(request: web.Request) -> web.Response:
    """Show one document, and what a check of it found."""
    language = parameters.language(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        document = await get_document(tx, parameters.read_id(request, "document"))
        carriers = await find_message_ids(tx, [document.id])
        report = await documents.find_report(tx, document.id)
    answer = document_answer(document, carriers.get(document.id))
    if report is not None:
        answer = msgspec.structs.replace(
            answer,
            findings=read_findings(report, language),
            rules=msgspec.convert(report["rules"], tuple[model.RuleSet, ...]),
            notes=tuple(report["notes"]),
        )
    return json_response(answer)


async def show_timeline(request: web.Request) -> web.Response:
    """Show every step of a document so far."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        document = await get_document(tx, parameters.read_id(request, "document"))
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
        document = await get_document(tx, parameters.read_id(request, "document"))
        pieces = await content.open_document(tx, services.archive, document)
    return await _stream(request, pieces, "application/xml", f"{document.id}.xml")


async def stream_evidence(request: web.Request) -> web.StreamResponse:
    """Send the ZIP with what proves that the document was sent or received."""
    services = request.app[SERVICES]
    async with services.db.transaction(request[DOSSIER]) as tx:
        document = await get_document(tx, parameters.read_id(request, "document"))
        exhibits = await evidence.collect_exhibits(tx, services.archive, document)
    pieces = evidence.write_zip(exhibits, at=document.updated_at)
    return await _stream(request, pieces, "application/zip", f"{document.id}.zip")


async def _stream(
    request: web.Request, pieces: AsyncIterator[bytes], content_type: str, name: str
) -> web.StreamResponse:
    """Send *pieces* as a file *name*.  Raises as `send`."""
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    response = web.StreamResponse(headers=headers)
    await send(request, response, pieces)
    return response


_REFUSALS: Final = (
    "unsupported-media-type", "document-too-large", "document-invalid", "rules-not-installed",
    "document-not-covered", "not-xml", "not-utf-8", "doctype-refused", "too-deep",
    "unknown-document", "bad-document",
    "bad-identifier", "bad-form", "form-too-large", "sender-not-ours", "receiver-differs",
    "duplicate-number",
    "incomplete-endpoint", "bad-endpoint", "bad-certificate", "fixed-endpoint-refused",
)  # fmt: skip

ROUTES: Final = (
    Route(
        "POST",
        "/v1/documents",
        post_document,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, model.Document),
        202,
        (Body(XML, example="invoice.xml"), Body(JSON, InvoiceForm)),
        (KEY, _TO, _DUPLICATE, _ENDPOINT, _CERTIFICATE, LANGUAGE),
        refusals=_REFUSALS,
        name="submit_document",
    ),
    Route(
        "GET",
        "/v1/documents",
        list_documents,
        Scope.DOCUMENTS_READ,
        Body(JSON, model.DocumentPage),
        parameters=_PAGE,
        refusals=("cursor-ahead",),
    ),
    Route(
        "GET",
        "/v1/documents/{id}",
        show_document,
        Scope.DOCUMENTS_READ,
        Body(JSON, model.Document),
        parameters=(LANGUAGE,),
    ),
    Route(
        "GET",
        "/v1/documents/{id}/timeline",
        show_timeline,
        Scope.DOCUMENTS_READ,
        Body(JSON, model.Timeline),
    ),
    Route(
        "GET",
        "/v1/documents/{id}/ubl",
        stream_ubl,
        Scope.DOCUMENTS_READ,
        Body(XML, example="invoice.xml"),
        refusals=("not-yet", "document-broken"),
        name="download_document",
    ),
    Route(
        "GET",
        "/v1/documents/{id}/evidence",
        stream_evidence,
        Scope.DOCUMENTS_READ,
        Body("application/zip"),
        refusals=("no-message-yet",),
        name="download_evidence",
    ),
)
