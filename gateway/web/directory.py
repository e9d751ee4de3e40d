"""Participants over HTTP: whom this dossier serves, and what others publish.

Check digits are enforced here, where a participant becomes ours; in a document they are a warning.
"""

from collections.abc import Sequence

from aiohttp import web

from gateway.client import model
from gateway.errors import Fault, Kind, Problem
from gateway.exchange.lookup import describe_receiver, usual_process
from gateway.store import participants
from gateway.store.participants import Service
from gateway.web.jsonbody import json_response, read_json
from gateway.web.security import DOSSIER
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

__all__ = [
    "list_registered",
    "look_up",
    "ping",
    "read_participant",
    "register",
    "remove",
    "show_registered",
]

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
    """Show every participant of the dossier."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        stored = await participants.list_participants(tx)
    return json_response(model.Participants(participants=tuple(map(_answer, stored))))


async def show_registered(request: web.Request) -> web.Response:
    """Show one participant of the dossier."""
    wanted = read_participant(request.match_info["participant"], "participant")
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        for stored in await participants.list_participants(tx):
            if stored.participant == wanted:
                return json_response(_answer(stored))
    raise _not_ours(wanted)


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
    return json_response(await send(participant))


def read_participant(text: str, place: str) -> ParticipantId:
    """Return the participant that *text* names, with or without its scheme, or raise Fault."""
    try:
        return ParticipantId.parse(text)
    except BadIdentifier as error:
        raise _bad_identifier(error, place) from error


def _read_services(wanted: Sequence[model.Service]) -> list[Service]:
    if not 1 <= len(wanted) <= _SERVICES_MAX:
        detail = f"a participant takes from 1 to {_SERVICES_MAX} document types"
        raise Fault(Kind.INVALID, "bad-services", detail)
    return [
        Service(
            document_type=_read_document_type(each.document_type, f"$.services[{number}]"),
            process=_read_process(each.process, f"$.services[{number}]"),
        )
        for number, each in enumerate(wanted)
    ]


def _read_document_type(text: str, place: str) -> DocumentTypeId:
    try:
        return DocumentTypeId.parse(text)
    except BadIdentifier as error:
        raise _bad_identifier(error, place) from error


def _read_process(text: str, place: str) -> ProcessId:
    try:
        return ProcessId.parse(text)
    except BadIdentifier as error:
        raise _bad_identifier(error, place) from error


def _bad_identifier(error: BadIdentifier, place: str) -> Fault:
    problem = Problem(rule="bad-identifier", location=place, message=error.detail)
    return Fault(Kind.INVALID, "bad-identifier", error.detail, errors=[problem])


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
