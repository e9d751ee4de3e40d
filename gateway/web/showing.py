"""Documents as people read them: page, PDF, and the files that came along.

The page carries a policy without scripts.  What a stranger put into a document is never shown in
our name: it is a download, of the type that its bytes have.  [CSP3 §6]
"""

import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.exchange import content
from gateway.rendering.documents import (
    BYTES_MAX,
    File,
    Source,
    make_html,
    make_pdf,
    take_attachment,
    too_large,
)
from gateway.rendering.policy import page_policy
from gateway.store.documents import Document
from gateway.web import parameters
from gateway.web.access import DOSSIER
from gateway.web.answers import get_document
from gateway.web.route import LANGUAGE, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES

__all__ = ["ROUTES"]

_ATTACHMENTS: Final = "attachments"  # It is beside the page.
_NUMBER: Final = re.compile("[0-9]{1,4}")
# What a browser does with a stranger's file if it shows it after all: no scripts, no origin.
_SANDBOX: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'"


async def show_html(request: web.Request) -> web.Response:
    """Show a document as a page, in the `language` of the query or the first that is accepted."""
    language = parameters.language(request)
    async with request.app[SERVICES].press.turn() as turn:
        _, data = await _fetch(request)
        page = await turn.run(make_html, data, language, _ATTACHMENTS)
    headers = {"Content-Security-Policy": page_policy(), "Referrer-Policy": "no-referrer"}
    return web.Response(
        body=page, content_type="text/html", charset="utf-8", headers=_careful(headers)
    )


async def send_pdf(request: web.Request) -> web.Response:
    """Send a document's own PDF if it has one, else ours; `source` asks for one of the two."""
    language = parameters.language(request)
    named = parameters.choice(request, "source", tuple(Source))
    source = None if named is None else Source(named)
    async with request.app[SERVICES].press.turn() as turn:
        document, data = await _fetch(request)
        # The same document always gives the same PDF: it was made when the document came to us.
        file = await turn.run(make_pdf, data, language, document.created_at, source)
    return _download(file)


async def send_attachment(request: web.Request) -> web.Response:
    """Send a file that came along with a document."""
    text = request.match_info["number"]
    number = int(text) if _NUMBER.fullmatch(text) else 0
    async with request.app[SERVICES].press.turn() as turn:
        _, data = await _fetch(request)
        file = await turn.run(take_attachment, data, number)
    return _download(file)


async def _fetch(request: web.Request) -> tuple[Document, bytes]:
    """Return the document that the address names, with its bytes; raises Fault."""
    services = request.app[SERVICES]
    async with services.db.transaction(request[DOSSIER]) as tx:
        document = await get_document(tx, parameters.read_id(request, "document"))
        pieces = await content.open_document(tx, services.archive, document)
    return document, await _collect(pieces)


async def _collect(pieces: AsyncIterator[bytes]) -> bytes:
    collected = bytearray()
    async for piece in pieces:
        collected += piece
        if len(collected) > BYTES_MAX:
            raise too_large(f"it has more than {BYTES_MAX} bytes")
    return bytes(collected)


def _download(file: File) -> web.Response:
    """Return *file*, to be saved and not to be opened here.  [RFC6266 §4]"""
    plain = "".join(each if each.isascii() and each not in '"%' else "_" for each in file.name)
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    headers = {
        "Content-Disposition": named,
        "Content-Security-Policy": _SANDBOX,
        "Document-Source": file.source,
    }
    return web.Response(body=file.content, content_type=file.media_type, headers=_careful(headers))


def _careful(headers: dict[str, str]) -> dict[str, str]:
    """Return *headers* with those that keep a browser from guessing, and others from looking."""
    return headers | {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private",
        "Vary": "Accept-Language",
    }


_SOURCE: Final = Parameter("source", "the document's own PDF, or one we make", tuple(Source))

_UNSHOWN: Final = ("not-yet", "document-broken", "not-showable", "too-large-to-show")

ROUTES: Final = (
    Route(
        "GET",
        "/v1/documents/{id}/html",
        show_html,
        Scope.DOCUMENTS_READ,
        Body("text/html"),
        parameters=(LANGUAGE,),
        refusals=_UNSHOWN,
        name="show_document_page",
    ),
    Route(
        "GET",
        "/v1/documents/{id}/pdf",
        send_pdf,
        Scope.DOCUMENTS_READ,
        Body("application/pdf"),
        parameters=(LANGUAGE, _SOURCE),
        refusals=(*_UNSHOWN, "no-own-pdf", "not-installed"),
        name="download_pdf",
    ),
    Route(
        "GET",
        "/v1/documents/{id}/attachments/{number}",
        send_attachment,
        Scope.DOCUMENTS_READ,
        Body("*/*"),
        refusals=(*_UNSHOWN, "attachment-not-found"),
        name="download_attachment",
    ),
)
