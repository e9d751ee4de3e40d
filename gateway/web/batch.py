"""Up to a hundred documents in one request, each accepted or refused on its own.

The answer is 200 with one result for each document: what became of them stands in the results.
"""

import hashlib
from dataclasses import replace
from typing import Annotated, Final

import msgspec
from aiohttp import web

from gateway.client import bulkmodel, model
from gateway.errors import Fault, Kind, Problem, Unavailable
from gateway.exchange.intake import Intake
from gateway.exchange.items import accept_item, read_item
from gateway.web import parameters
from gateway.web.access import DOSSIER
from gateway.web.formbody import read_bounded
from gateway.web.intakes import intake_of
from gateway.web.once import Answer, do_once
from gateway.web.problems import problem_details, unavailable
from gateway.web.rates import RATES
from gateway.web.route import JSON, KEY, LANGUAGE, Body, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from ubl.halves import HALF, find_half
from ubl.pointers import complaint_of

__all__ = ["ROUTES"]

BATCH_BYTES_MAX: Final = 32 * 1024 * 1024  # LIMIT: a batch is in memory as a whole.
_IN_FLIGHT: Final = "idempotency-key-in-flight"


class _Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch whose items are looked at one by one: a bad one spoils no other."""

    documents: Annotated[
        list[msgspec.Raw],
        msgspec.Meta(min_length=1, max_length=100),  # LIMIT: documents in one request.
    ]


async def post_batch(request: web.Request) -> web.Response:
    """Accept or refuse each of up to 100 documents; 200 says what became of them, in their order.

    Each has its own `idempotency_key`, or one that follows from the batch's: with either, a batch
    may be repeated at any time, and no document doubles.
    """
    body = await read_bounded(request, BATCH_BYTES_MAX, _too_large)
    items = _read_batch(body)
    language = parameters.language(request)
    key = parameters.idempotency_key(request)
    intake = intake_of(request.app[SERVICES])
    base = None if key is None else hashlib.sha256(key.encode() + b"\n" + body).hexdigest()

    async def work() -> Answer:
        results = []
        for position, item in enumerate(items):
            name = None if base is None else f"batch:{base}:{position}"
            results.append(await _accept(request, intake, item, language=language, key=name))
        passing = any(each.status >= 500 or _in_flight(each) for each in results)
        return Answer(value=bulkmodel.BatchResults(results=tuple(results)), passing=passing)

    return await do_once(request, body, work)


async def _accept(
    request: web.Request, intake: Intake, data: msgspec.Raw, *, language: str, key: str | None
) -> bulkmodel.BatchResult:
    dossier = request[DOSSIER]
    try:
        item = read_item(data, language=language)
        priority = request.app[RATES].priority(dossier)
        item = replace(item, submission=replace(item.submission, priority=priority))
        accepted = await accept_item(intake, dossier, item, key=key)
    except Fault as fault:
        problem = problem_details(fault)
        return bulkmodel.BatchResult(status=problem.status, problem=problem)
    except Unavailable as outage:
        problem = problem_details(unavailable(outage))
        return bulkmodel.BatchResult(status=problem.status, problem=problem)
    return bulkmodel.BatchResult(
        status=accepted.status,
        document=msgspec.json.decode(accepted.body, type=model.Document),
        replayed=accepted.replayed,
    )


def _in_flight(result: bulkmodel.BatchResult) -> bool:
    """Return whether another request is still carrying the document out."""
    problem = result.problem
    return isinstance(problem, model.ProblemDetails) and problem.code == _IN_FLIGHT


def _read_batch(body: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=_Batch).documents
    except msgspec.ValidationError as error:
        raise _bad("bad-json", *complaint_of(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        if (half := find_half(body)) is not None:
            raise _bad("bad-text", half, HALF) from error
        raise _bad("not-json", "", str(error)) from error


def _too_large(bytes_max: int) -> Fault:
    detail = f"the batch has more than {bytes_max} bytes; send several, or a file to /v1/imports"
    return Fault(Kind.TOO_LARGE, "batch-too-large", detail)


def _bad(code: str, place: str, message: str) -> Fault:
    problem = Problem(rule=code, location=place, message=message, hint="see the API's reference")
    return Fault(Kind.INVALID, code, f"the batch cannot be used: {message}", errors=[problem])


ROUTES: Final = (
    Route(
        "POST",
        "/v1/documents/batch",
        post_batch,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, bulkmodel.BatchResults),
        sends=(Body(JSON, bulkmodel.Batch),),
        parameters=(KEY, LANGUAGE),
        refusals=("batch-too-large",),
        name="submit_batch",
    ),
)
