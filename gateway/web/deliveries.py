"""Deliveries of webhooks over HTTP: what was sent and how it was answered, tests and replays.

A replay sends the same event under the same id once more, whatever it is about.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.client import webhookmodel as model
from gateway.errors import Fault, Kind, Problem
from gateway.store.feed import About, FeedEvent, find_event
from gateway.store.pool import Transaction
from gateway.store.webhooks import deliveries
from gateway.store.webhooks.endpoints import Endpoint, rewind_endpoint
from gateway.store.webhooks.reading import find_documents
from gateway.web import cursors, parameters
from gateway.web.access import DOSSIER
from gateway.web.jsonbody import json_response, read_json
from gateway.web.once import Answer, store_once
from gateway.web.route import JSON, KEY, PAGED, Body, Parameter, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from gateway.web.streams import read_all
from gateway.web.webhooks import BODY, find_endpoint
from gateway.webhooks import events, relay
from gateway.webhooks.notices import tell_test

__all__ = ["ROUTES"]

_STATUSES: Final = ("pending", "delivered", "failed")


async def test_webhook_endpoint(request: web.Request) -> web.Response:
    """Send the endpoint an event `webhook.test`; how it went is shown by its deliveries."""
    clock = request.app[SERVICES].clock

    async def test(tx: Transaction) -> Answer:
        found = await _find_enabled(tx, request)
        event = await tell_test(tx, found.id, now=clock.now())
        return await _accept(request, tx, found, await _message(tx, event, clock.uuid()))

    return await store_once(request, b"", test)


async def list_webhook_deliveries(request: web.Request) -> web.Response:
    """Show one page of what the endpoint was sent or will be, newest first, with all attempts."""
    limit = parameters.page_limit(request)
    status = parameters.choice(request, "status", _STATUSES)
    before = cursors.read_row(request)
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        endpoint = await find_endpoint(tx, request)
        found = await deliveries.list_deliveries(
            tx, endpoint.id, limit=limit + 1, status=status, before=before
        )
        page, more, cursor = cursors.cut_page(request, found, limit)
        log = await deliveries.list_attempts(tx, [each.id for each in page])
    return json_response(
        model.WebhookDeliveryPage(
            deliveries=tuple(_delivery(each, log[each.id]) for each in page),
            has_more=more,
            next_cursor=cursor,
        )
    )


async def replay_webhooks(request: web.Request) -> web.Response:
    """Send an event again, or all events after an instant; under their own ids.

    Events from before the endpoint was made can be sent too. Those that it does not want are left
    out of a replay since an instant.
    """
    wanted = await read_json(request, model.Replay)
    clock = request.app[SERVICES].clock

    async def replay(tx: Transaction) -> Answer:
        found = await _find_enabled(tx, request)
        if wanted.event_id is not None:
            event = await _find_event(tx, found, wanted.event_id)
            return await _accept(request, tx, found, await _message(tx, event, clock.uuid()))
        assert wanted.since is not None
        since = await rewind_endpoint(tx, found, wanted.since)
        return Answer(
            status=202,
            value=model.WebhookReplay(delivery=None, replaying_since=since),
            location=f"/v1/webhook-endpoints/{found.id}",
        )

    if (wanted.event_id is None) == (wanted.since is None):
        message = "event_id or since is needed, and not both"
        problem = Problem(rule="bad-replay", location="", message=message)
        raise Fault(Kind.INVALID, "bad-replay", message, errors=[problem])
    return await store_once(request, await read_all(request), replay)


async def _accept(
    request: web.Request,
    tx: Transaction,
    endpoint: Endpoint,
    new: deliveries.NewDelivery,
) -> Answer:
    """Make the delivery *new* for the endpoint, which is locked, and answer with it."""
    most = relay.PENDING_MAX
    if await deliveries.count_pending(tx, endpoint.id, most=most) >= most:
        detail = f"{most} deliveries wait for this endpoint; no other is added"
        raise Fault(Kind.CONFLICT, "webhook-endpoint-full", detail)
    now = request.app[SERVICES].clock.now()
    await deliveries.insert_deliveries(tx, endpoint.id, [new], now=now)
    made = deliveries.Delivery(
        id=new.id,
        endpoint_id=endpoint.id,
        event_id=new.event_id,
        event_type=new.event_type,
        body=new.body,
        status="pending",
        attempt_count=0,
        next_attempt_at=now,
        created_at=now,
        updated_at=now,
    )
    shown = model.WebhookReplay(delivery=_delivery(made, ()), replaying_since=None)
    location = f"/v1/webhook-endpoints/{endpoint.id}/deliveries"
    return Answer(status=202, value=shown, location=location)


async def _find_enabled(tx: Transaction, request: web.Request) -> Endpoint:
    found = await find_endpoint(tx, request, lock=True)
    if not found.is_enabled:
        detail = f"this endpoint is disabled ({found.disabled_reason}); enable it first"
        raise Fault(Kind.CONFLICT, "webhook-endpoint-disabled", detail)
    return found


async def _find_event(tx: Transaction, endpoint: Endpoint, event_id: str) -> FeedEvent:
    """Return the event that *event_id* names, unless it is a test of another endpoint."""
    named = events.read_event_id(event_id)
    found = None if named is None else await find_event(tx, *named)
    if found is None or (found.about is About.WEBHOOK and found.subject_id != endpoint.id):
        raise parameters.not_found("event", event_id)
    return found


async def _message(tx: Transaction, event: FeedEvent, delivery_id: UUID) -> deliveries.NewDelivery:
    """Return what an endpoint is to be told of *event*."""
    documents = await find_documents(tx, [event.subject_id])
    return deliveries.NewDelivery(
        id=delivery_id,
        event_id=events.event_id(event.subject_id, event.event.seq),
        event_type=events.event_type(event.event.name, event.about),
        body=events.write_event(event, documents.get(event.subject_id)),
    )


def _delivery(row: deliveries.Delivery, log: Sequence[deliveries.Attempt]) -> model.WebhookDelivery:
    return model.WebhookDelivery(
        id=row.id,
        event_id=row.event_id,
        event_type=row.event_type,
        status=row.status,
        next_attempt_at=row.next_attempt_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        message=msgspec.json.decode(row.body),
        attempts=tuple(
            model.WebhookAttempt(
                number=each.number,
                at=each.at,
                milliseconds=each.milliseconds,
                status=each.status,
                answer=each.answer,
                error=each.error,
            )
            for each in log
        ),
    )


_CLOSED: Final = ("webhook-endpoint-disabled", "webhook-endpoint-full")
"""Why nothing is added to what an endpoint is sent."""

ROUTES: Final = (
    Route(
        "POST",
        "/v1/webhook-endpoints/{id}/test",
        test_webhook_endpoint,
        Scope.WEBHOOKS_WRITE,
        Body(JSON, model.WebhookReplay),
        202,
        parameters=(KEY,),
        refusals=_CLOSED,
    ),
    Route(
        "GET",
        "/v1/webhook-endpoints/{id}/deliveries",
        list_webhook_deliveries,
        Scope.WEBHOOKS_READ,
        Body(JSON, model.WebhookDeliveryPage),
        parameters=(
            *PAGED,
            Parameter("status", "only deliveries in this state", _STATUSES),
        ),
    ),
    Route(
        "POST",
        "/v1/webhook-endpoints/{id}/replay",
        replay_webhooks,
        Scope.WEBHOOKS_WRITE,
        Body(JSON, model.WebhookReplay),
        202,
        sends=(Body(JSON, model.Replay),),
        parameters=(KEY,),
        refusals=(*BODY, *_CLOSED, "bad-replay", "event-not-found"),
    ),
)
