"""Participants over HTTP: whom this dossier serves, and what others publish.

Check digits are enforced here, where a participant becomes ours; in a document they are a warning.
"""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from gateway.client import model
from gateway.errors import Fault, Kind, Problem
from gateway.exchange.lookup import describe_receiver, usual_process
from gateway.store import participants
from gateway.store.participants import Service
from gateway.web import cursors, parameters
from gateway.web.access import DOSSIER
from gateway.web.jsonbody import json_response, read_json
from gateway.web.once import Answer, do_once
from gateway.web.parameters import bad_identifier, read_participant
from gateway.web.route import JSON, KEY, PAGED, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from ubl.errors import BadIdentifier
from ubl.identifiers import (
    BILLING,
    CREDIT_NOTE,
    INVOICE,
    DocumentTypeId,
    ParticipantId,
    ProcessId,
    check_participant,
)

__all__ = ["ROUTES"]

_SERVICES_MAX = 500  # LIMIT: document types of one participant; Peppol has some 300 in all.
_BILLING = (
    Service(document_type=INVOICE, process=BILLING),
    Service(document_type=CREDIT_NOTE, process=BILLING),
)
"""What a participant takes when nothing else is said: invoices and credit notes of BIS Billing."""


async def register(request: web.Request) -> web.Response:
    """Make a participant ours, or change what it takes."""
    services = request.app[SERVICES]
    participant = read_participant(request.match_info["participant"], "participant")
    wanted = await read_json(request, model.Registration)
    if warnings := check_participant(participant):
        raise _bad_number(participant, warnings)
    takes = _BILLING if wanted.services is None else _read_services(wanted.services)
    async with services.db.transaction(request[DOSSIER]) as tx:
        stored = await participants.put_participant(
            tx, participant, takes, now=services.clock.now()
        )
    return json_response(_answer(stored))


async def list_registered(request: web.Request) -> web.Response:
    """Show one page of participants, by identifier.

    A page of participants that take much has fewer than `limit`; *has_more* says whether it is the
    last.
    """
    limit, after = parameters.page_limit(request), _read_place(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        page, has_more = await participants.list_participants(tx, limit=limit, after=after)
    return json_response(
        model.Participants(
            participants=tuple(map(_answer, page)),
            has_more=has_more,
            next_cursor=cursors.write_place(request, page[-1].participant.value)
            if has_more
            else None,
        )
    )


async def show_registered(request: web.Request) -> web.Response:
    """Show one participant of the dossier."""
    wanted = read_participant(request.match_info["participant"], "participant")
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        stored = await participants.find_participant(tx, wanted)
    if stored is None:
        raise _not_ours(wanted)
    return json_response(_answer(stored))


async def remove(request: web.Request) -> web.Response:
    """Serve a participant no more; its documents stay."""
    wanted = read_participant(request.match_info["participant"], "participant")
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        removed = await participants.delete_participant(tx, wanted)
    if not removed:
        raise _not_ours(wanted)
    return web.Response(status=204)


async def look_up(request: web.Request) -> web.Response:
    """Show where a participant takes a document type: what a message to it would use."""
    services = request.app[SERVICES]
    if services.finder is None:
        raise Fault(Kind.NOT_FOUND, "no-lookup", "this gateway looks nothing up")
    participant = read_participant(request.match_info["participant"], "participant")
    text = request.query.get("document_type")
    document_type = INVOICE if text is None else _read_document_type(text, "document_type")
    named = request.query.get("process")
    process = usual_process(document_type) if named is None else _read_process(named, "process")
    return json_response(
        await describe_receiver(
            services.finder, participant, document_type, process, now=services.clock.now()
        )
    )


async def ping(request: web.Request) -> web.Response:
    """Send a test message to a participant's access point; show how it answered."""
    send = request.app[SERVICES].ping
    if send is None:
        raise Fault(Kind.NOT_FOUND, "no-ping", "this gateway sends no test messages")
    participant = read_participant(request.match_info["participant"], "participant")

    async def work() -> Answer:
        return Answer(value=await send(participant))

    return await do_once(request, b"", work)


def _read_place(request: web.Request) -> ParticipantId | None:
    """Return the participant behind which the page begins, if it is not the first."""
    text = cursors.read_place(request)
    try:
        return None if text is None else ParticipantId.parse(text)
    except BadIdentifier:
        raise cursors.bad_cursor() from None


def _read_services(wanted: Sequence[model.Service]) -> list[Service]:
    if not 1 <= len(wanted) <= _SERVICES_MAX:
        detail = f"a participant takes from 1 to {_SERVICES_MAX} document types"
        problem = Problem(rule="bad-services", location="/services", message=detail)
        raise Fault(Kind.INVALID, "bad-services", detail, errors=[problem])
    return [
        Service(
            document_type=_read_document_type(each.document_type, f"{place}/document_type"),
            process=_read_process(each.process, f"{place}/process"),
        )
        for place, each in ((f"/services/{number}", each) for number, each in enumerate(wanted))
    ]


def _read_document_type(text: str, place: str) -> DocumentTypeId:
    try:
        return DocumentTypeId.parse(text)
    except BadIdentifier as error:
        raise bad_identifier(error, place) from error


def _read_process(text: str, place: str) -> ProcessId:
    try:
        return ProcessId.parse(text)
    except BadIdentifier as error:
        raise bad_identifier(error, place) from error


def _bad_number(participant: ParticipantId, warnings: Sequence[str]) -> Fault:
    problems = [
        Problem(rule="bad-participant", location="participant", message=warning)
        for warning in warnings
    ]
    detail = f"{participant} cannot be registered: {'; '.join(warnings)}"
    return Fault(Kind.INVALID, "bad-participant", detail, errors=problems)


def _not_ours(participant: ParticipantId) -> Fault:
    detail = f"{participant} is none of this dossier's participants"
    return Fault(Kind.NOT_FOUND, "participant-not-found", detail)


def _answer(stored: participants.Participant) -> model.Participant:
    return model.Participant(
        participant=stored.participant.value,
        services=tuple(
            model.Service(document_type=each.document_type.uri, process=each.process.uri)
            for each in stored.services
        ),
    )


_WANTED: Final = (
    Parameter("document_type", "what it shall take; without it a BIS Billing invoice"),
    Parameter("process", "in which it shall take it; without it the usual one"),
)

_UNFOUND: Final = (
    "participant-absent", "not-on-this-smp", "document-type-absent", "process-absent",
    "endpoint-absent", "endpoint-inactive", "endpoint-address-refused", "malformed",
    "endpoint-certificate-unreadable", "bad-smp-address", "invalid-metadata", "untrusted-signer",
)  # fmt: skip
_UNTRUSTED: Final = (
    "smp-unavailable", "certificate-refused", "certificate-revoked", "revocation-unknown",
)  # fmt: skip

ROUTES: Final = (
    Route(
        "GET",
        "/v1/participants",
        list_registered,
        Scope.PARTICIPANTS_READ,
        Body(JSON, model.Participants),
        parameters=PAGED,
        name="list_participants",
    ),
    Route(
        "PUT",
        "/v1/participants/{participant}",
        register,
        Scope.PARTICIPANTS_WRITE,
        Body(JSON, model.Participant),
        sends=(Body(JSON, model.Registration),),
        refusals=(
            "bad-participant",
            "bad-services",
            "participant-taken",
            "too-many-participants",
        ),
        name="register_participant",
    ),
    Route(
        "GET",
        "/v1/participants/{participant}",
        show_registered,
        Scope.PARTICIPANTS_READ,
        Body(JSON, model.Participant),
        refusals=("participant-not-found",),
        name="show_participant",
    ),
    Route(
        "DELETE",
        "/v1/participants/{participant}",
        remove,
        Scope.PARTICIPANTS_WRITE,
        None,
        204,
        refusals=("participant-not-found",),
        name="remove_participant",
    ),
    Route(
        "GET",
        "/v1/lookup/{participant}",
        look_up,
        Scope.LOOKUP,
        Body(JSON, model.LookUp),
        parameters=_WANTED,
        refusals=("no-lookup", "process-missing", *_UNFOUND),
        name="look_up_participant",
    ),
    Route(
        "POST",
        "/v1/ping/{participant}",
        ping,
        Scope.LOOKUP,
        Body(JSON, model.PingResult),
        parameters=(KEY,),
        refusals=("no-ping", *_UNFOUND, *_UNTRUSTED),
        name="ping_participant",
    ),
)
