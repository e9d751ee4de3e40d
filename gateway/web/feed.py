"""Following a dossier without a webhook: events, what changed, and the inbox with its `ack`.

The cursor of a feed is always given: a poller keeps it and asks again with it later.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from aiohttp import web

from gateway.client import model
from gateway.errors import Fault, Kind
from gateway.store import feed
from gateway.store.documents import append_event
from gateway.store.messages.carriers import find_message_ids
from gateway.store.pool import Transaction
from gateway.web import cursors, parameters
from gateway.web.access import DOSSIER
from gateway.web.answers import document_answer, get_document
from gateway.web.jsonbody import json_response
from gateway.web.once import Answer, store_once
from gateway.web.route import JSON, KEY, PAGED, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from gateway.webhooks.events import event_id, event_type

__all__ = ["ROUTES", "UPDATED_AFTER", "list_changes"]

_PLACE: Final = re.compile(r"([0-9]{1,19})\.([0-9a-f]{32})\.([0-9]{1,9})")
_XID_MAX: Final = (1 << 63) - 1
_SEQ_MAX: Final = (1 << 31) - 1


async def list_events(request: web.Request) -> web.Response:
    """Show one page of what happened in the dossier, oldest first.

    Ask again with `next_cursor` for what follows, now or later: no event is left out and none
    comes twice.
    """
    limit = parameters.page_limit(request)
    since = parameters.instant(request, "since")
    after = _read_place(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        after = after or await _begin(tx, since)
        found = await feed.read_feed(tx, after=after, since=since, limit=limit + 1)
        await _check_reached(tx, after, found)
        page, has_more = found[:limit], len(found) > limit
        place = page[-1].place if page else after
        if since is not None and not has_more:
            behind = await feed.pass_over(tx, after)
            place, has_more = behind or place, behind is not None
    return json_response(
        model.EventPage(
            events=tuple(map(_event, page)),
            has_more=has_more,
            next_cursor=_write_place(request, place),
        )
    )


async def list_changes(request: web.Request, since: datetime) -> web.Response:
    """Answer which documents changed after *since*, in the order of their last changes.

    Direction and status of the *request* have been checked.
    """
    limit = parameters.page_limit(request)
    after = _read_place(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        after = after or await _begin(tx, since)
        stretch = await feed.read_changes(
            tx,
            after=after,
            since=since,
            limit=limit,
            direction=request.query.get("direction"),
            status=request.query.get("status"),
        )
        await _check_reached(tx, after, stretch.documents)
        return await _answer(tx, stretch, _write_place(request, stretch.place))


async def list_inbox(request: web.Request) -> web.Response:
    """Show one page of the received documents that nobody acknowledged, in the order of arrival.

    Take each, keep it, acknowledge it; then ask again from the start.
    """
    limit = parameters.page_limit(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        after = _read_place(request) or feed.START
        stretch = await feed.list_inbox(tx, limit=limit, after=after)
        await _check_reached(tx, after, stretch.documents)
        return await _answer(
            tx, stretch, _write_place(request, stretch.place) if stretch.has_more else None
        )


async def acknowledge(request: web.Request) -> web.Response:
    """Take a received document out of the inbox; doing it again changes nothing."""
    wanted = parameters.read_id(request, "document")
    now = request.app[SERVICES].clock.now()

    async def take(tx: Transaction) -> Answer:
        if await feed.acknowledge(tx, wanted, now=now):
            said = {"text": "Acknowledged: taken out of the inbox"}
            await append_event(tx, wanted, "acknowledged", said, now=now)
        document = await get_document(tx, wanted)
        if document.acknowledged_at is None:
            detail = f"it is {document.status}, and was not delivered here"
            raise Fault(Kind.CONFLICT, "not-in-inbox", detail)
        carriers = await find_message_ids(tx, [wanted])
        return Answer(value=document_answer(document, carriers.get(wanted)))

    return await store_once(request, b"", take)


async def _begin(tx: Transaction, since: datetime | None) -> feed.Place:
    return feed.START if since is None else await feed.find_place(tx, since)


async def _check_reached(tx: Transaction, after: feed.Place, found: Sequence[object]) -> None:
    """Refuse a place that the feed will come to: it was brought back, and what happens is lost."""
    if not found and not await feed.has_reached(tx, after):
        message = "the gateway was brought back to a state before this place; begin with `since`"
        raise parameters.refused("cursor-ahead", "cursor", message)


async def _answer(tx: Transaction, stretch: feed.Stretch, cursor: str | None) -> web.Response:
    carriers = await find_message_ids(tx, [each.id for each in stretch.documents])
    documents = (document_answer(each, carriers.get(each.id)) for each in stretch.documents)
    return json_response(
        model.DocumentPage(
            documents=tuple(documents), has_more=stretch.has_more, next_cursor=cursor
        )
    )


def _read_place(request: web.Request) -> feed.Place | None:
    text = cursors.read_place(request)
    if text is None:
        return None
    found = _PLACE.fullmatch(text)
    if found is None or int(found[1]) > _XID_MAX or int(found[3]) > _SEQ_MAX:
        raise cursors.bad_cursor()
    return feed.Place(int(found[1]), UUID(found[2]), int(found[3]))


def _write_place(request: web.Request, place: feed.Place) -> str:
    return cursors.write_place(request, f"{place.xid}.{place.document_id.hex}.{place.seq}")


def _event(found: feed.FeedEvent) -> model.FeedEvent:
    event = found.event
    return model.FeedEvent(
        id=event_id(found.subject_id, event.seq),
        type=event_type(event.name, found.about),
        at=event.at,
        document_id=found.subject_id if found.about is feed.About.DOCUMENT else None,
        seq=event.seq,
        detail=event.detail,
    )


UPDATED_AFTER: Final = Parameter(
    "updated_after", "only what changed after this instant, in the order of its last change"
)

ROUTES: Final = (
    Route(
        "GET",
        "/v1/events",
        list_events,
        Scope.DOCUMENTS_READ,
        Body(JSON, model.EventPage),
        parameters=(*PAGED, Parameter("since", "only what happened after this instant")),
        refusals=("cursor-ahead",),
    ),
    Route(
        "GET",
        "/v1/inbox",
        list_inbox,
        Scope.DOCUMENTS_READ,
        Body(JSON, model.DocumentPage),
        parameters=PAGED,
        refusals=("cursor-ahead",),
    ),
    Route(
        "POST",
        "/v1/documents/{id}/ack",
        acknowledge,
        Scope.DOCUMENTS_WRITE,
        Body(JSON, model.Document),
        parameters=(KEY,),
        refusals=("not-in-inbox",),
    ),
)
