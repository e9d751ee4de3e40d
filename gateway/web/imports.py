"""Many documents in one file: it is kept and answered at once, and a job works through it.

A file is read to its end and judged before anything of it is acknowledged.
"""

import asyncio
import hashlib
import re
from typing import Final

import msgspec
from aiohttp import web

from gateway.client import bulkmodel
from gateway.errors import Fault, Kind
from gateway.exchange.bundles import NDJSON, ZIP, LineCount, count_entries
from gateway.exchange.imports import Refusal, hand_on
from gateway.store import imports
from gateway.store.archive import SpoolFile
from gateway.store.pool import Transaction
from gateway.web import cursors, parameters
from gateway.web.access import DOSSIER
from gateway.web.jsonbody import json_response
from gateway.web.once import Answer, store_once
from gateway.web.problems import problem_details
from gateway.web.route import JSON, KEY, LANGUAGE, PAGED, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES, Services
from gateway.web.streams import arriving
from gateway.webhooks.notices import tell_import

__all__ = ["ROUTES"]

IMPORT_BYTES_MAX: Final = 256 * 1024 * 1024  # LIMIT: one file, as it is sent.
UNFINISHED_MAX: Final = 10  # LIMIT: files of one dossier that wait or are worked through.
_ACCEPTED: Final = 202
_POSITION: Final = re.compile("[0-9]{1,9}")
_OUTCOMES: Final = ("accepted", "refused")


async def create_import(request: web.Request) -> web.Response:
    """Keep a file with many documents, and let a job accept or refuse each: 202 once it is stored.

    NDJSON has one JSON form of an invoice in each line, or an item as in a batch.  A ZIP has UBL
    (.xml) and forms or items (.json).  Watch the import for its progress.
    """
    services = request.app[SERVICES]
    _check_head(request)
    spool = services.archive.open_spool(services.clock.uuid().hex)
    try:
        digest, total = await _read(request, spool, services)
        return await _store(request, spool, digest, total)
    finally:
        spool.discard()


async def _read(request: web.Request, spool: SpoolFile, services: Services) -> tuple[bytes, int]:
    """Write the body to *spool*; return its digest and how many documents it has."""
    digest, lines = hashlib.sha256(), LineCount()
    is_lines = request.content_type == NDJSON
    async for chunk in arriving(request):
        if spool.written + len(chunk) > IMPORT_BYTES_MAX:
            raise _too_large()
        if is_lines:
            lines.feed(chunk)
        digest.update(chunk)
        spool.write(chunk)
    if is_lines:
        return digest.digest(), lines.close()
    spool.flush()
    bytes_max = services.settings.document_bytes_max
    total = await asyncio.to_thread(count_entries, spool.path, document_bytes_max=bytes_max)
    return digest.digest(), total


async def _store(request: web.Request, spool: SpoolFile, digest: bytes, total: int) -> web.Response:
    """Store the import with its job, or answer as before."""
    services, is_named = request.app[SERVICES], False
    now, written = services.clock.now(), spool.written
    language = parameters.language(request)
    duplicate = parameters.choice(request, "duplicate", ("allow",)) is not None
    name = await spool.keep()

    async def store(tx: Transaction) -> Answer:
        nonlocal is_named
        if await imports.count_unfinished(tx) >= UNFINISHED_MAX:
            detail = f"{UNFINISHED_MAX} imports of this dossier are not done yet; wait for one"
            raise Fault(Kind.CONFLICT, "too-many-imports", detail)
        new = imports.Import(
            id=services.clock.uuid(),
            dossier_id=tx.dossier_id,
            media_type=request.content_type,
            file=name,
            size_bytes=written,
            language=language,
            duplicate=duplicate,
            total=total,
            next=imports.Place(0, 1),
            created_at=now,
            updated_at=now,
        )
        await imports.insert_import(tx, new)
        await hand_on(tx, new.id, new.next)
        # From here on a commit may have happened, whatever is heard of it.
        is_named = True
        return Answer(value=_import(new), status=_ACCEPTED, location=f"/v1/imports/{new.id}")

    try:
        return await store_once(request, digest, store)
    finally:
        if not is_named:
            services.archive.delete(name)


async def list_imports(request: web.Request) -> web.Response:
    """Show one page of imports, newest first."""
    limit = parameters.page_limit(request)
    before = cursors.read_row(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        found = await imports.list_imports(tx, limit=limit + 1, before=before)
    page, has_more, cursor = cursors.cut_page(request, found, limit)
    return json_response(
        bulkmodel.ImportPage(
            imports=tuple(map(_import, page)), has_more=has_more, next_cursor=cursor
        )
    )


async def show_import(request: web.Request) -> web.Response:
    """Show one import, and how far it is."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        return json_response(_import(await _find(tx, request)))


async def cancel_import(request: web.Request) -> web.Response:
    """End an import: what was accepted stays, what was not done is not done any more.

    A document that is being done at that moment may still be accepted, and then has its result.
    What has ended stays as it ended.
    """
    services = request.app[SERVICES]
    useless = None

    async def cancel(tx: Transaction) -> Answer:
        nonlocal useless
        found = await _find(tx, request)
        ended = await imports.cancel_import(tx, found.id, now=services.clock.now())
        if ended is None:
            return Answer(value=_import(await _find(tx, request)))
        useless = found.file
        await tell_import(tx, ended, now=services.clock.now())
        return Answer(value=_import(ended))

    answer = await store_once(request, b"", cancel)
    if useless is not None:
        services.archive.delete(useless)
    return answer


async def list_results(request: web.Request) -> web.Response:
    """Show one page of what became of an import's documents, in their order.

    While the import runs, the last page grows: ask again with the same cursor.
    """
    limit, after = parameters.page_limit(request), _read_position(request)
    outcome = parameters.choice(request, "outcome", _OUTCOMES)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        found = await imports.list_results(
            tx,
            (await _find(tx, request)).id,
            limit=limit + 1,
            after=after,
            refused=None if outcome is None else outcome == "refused",
        )
    page, has_more = found[:limit], len(found) > limit
    return json_response(
        bulkmodel.ImportResults(
            results=tuple(map(_result, page)),
            has_more=has_more,
            next_cursor=cursors.write_place(request, str(page[-1].position)) if has_more else None,
        )
    )


async def _find(tx: Transaction, request: web.Request) -> imports.Import:
    wanted = parameters.read_id(request, "import")
    found = await imports.find_import(tx, wanted)
    if found is None:
        raise parameters.not_found("import", wanted)
    return found


def _read_position(request: web.Request) -> int:
    text = cursors.read_place(request) or "0"
    if not _POSITION.fullmatch(text):
        raise cursors.bad_cursor()
    return int(text)


def _check_head(request: web.Request) -> None:
    """Refuse what can be refused by its head alone."""
    if request.content_type not in (NDJSON, ZIP):
        raise web.HTTPUnsupportedMediaType(
            text=f"send {NDJSON} or {ZIP}, not {request.content_type}"
        )
    if request.content_length is not None and request.content_length > IMPORT_BYTES_MAX:
        raise _too_large()


def _too_large() -> Fault:
    detail = f"the file has more than {IMPORT_BYTES_MAX} bytes; send several files"
    return Fault(Kind.TOO_LARGE, "import-too-large", detail)


def _import(row: imports.Import) -> bulkmodel.Import:
    return bulkmodel.Import(
        id=row.id,
        status=row.status,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        total=row.total,
        accepted=row.accepted,
        refused=row.refused,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _result(row: imports.Result) -> bulkmodel.ImportResult:
    if row.document_id is not None:
        return bulkmodel.ImportResult(
            position=row.position, name=row.name, status=_ACCEPTED, document_id=row.document_id
        )
    assert row.problem is not None
    refusal = msgspec.json.decode(row.problem, type=Refusal)
    problem = problem_details(refusal.fault())
    return bulkmodel.ImportResult(
        position=row.position, name=row.name, status=problem.status, problem=problem
    )


_DUPLICATE: Final = Parameter("duplicate", "send them although their numbers were sent", ("allow",))
_OUTCOME: Final = Parameter("outcome", "only documents that were", _OUTCOMES)

ROUTES: Final = (
    Route(
        "POST",
        "/v1/imports",
        create_import,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, bulkmodel.Import),
        _ACCEPTED,
        (Body(NDJSON, example="invoices.ndjson"), Body(ZIP)),
        (KEY, _DUPLICATE, LANGUAGE),
        refusals=(
            "unsupported-media-type",
            "import-too-large",
            "too-many-imports",
            "too-many-entries",
            "empty-import",
            "bad-ndjson",
            "bad-zip",
        ),
    ),
    Route(
        "GET",
        "/v1/imports",
        list_imports,
        Scope.DOCUMENTS_READ,
        Body(JSON, bulkmodel.ImportPage),
        parameters=PAGED,
    ),
    Route(
        "GET", "/v1/imports/{id}", show_import, Scope.DOCUMENTS_READ, Body(JSON, bulkmodel.Import)
    ),
    Route(
        "POST",
        "/v1/imports/{id}/cancel",
        cancel_import,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, bulkmodel.Import),
        parameters=(KEY,),
    ),
    Route(
        "GET",
        "/v1/imports/{id}/results",
        list_results,
        Scope.DOCUMENTS_READ,
        Body(JSON, bulkmodel.ImportResults),
        parameters=(*PAGED, _OUTCOME),
    ),
)
