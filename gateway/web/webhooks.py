"""Webhooks over HTTP: endpoints and their secrets."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.client import webhookmodel as model
from gateway.client.signing import SECRET_BYTES, write_secret
from gateway.egress import AddressRefused, EgressRules, Purpose
from gateway.errors import Fault, Kind
from gateway.settings import Stage
from gateway.store.pool import Transaction
from gateway.store.webhooks import endpoints
from gateway.web import parameters
from gateway.web.access import DOSSIER
from gateway.web.jsonbody import bad_value, json_response, read_json
from gateway.web.once import Answer, store_once
from gateway.web.route import JSON, KEY, Body, Route
from gateway.web.scopes import Scope
from gateway.web.services import SERVICES
from gateway.web.streams import read_all
from gateway.webhooks import events
from gateway.webhooks.notices import advice

__all__ = ["BODY", "ROUTES", "WHAT", "find_endpoint"]

WHAT: Final = "webhook-endpoint"


async def create_webhook_endpoint(request: web.Request) -> web.Response:
    """Make an endpoint that is told what happens in the dossier from now on.

    The answer is the only place that shows its secret. Messages follow Standard Webhooks.
    """
    wanted = await read_json(request, model.NewWebhookEndpoint)
    _check_url(request, wanted.url)
    _check_types(wanted.event_types)
    clock = request.app[SERVICES].clock
    now, endpoint_id, secret = clock.now(), clock.uuid(), clock.random(SECRET_BYTES)

    async def make(tx: Transaction) -> Answer:
        made = await endpoints.insert_endpoint(
            tx,
            endpoint_id,
            url=wanted.url,
            description=wanted.description,
            event_types=wanted.event_types,
            now=now,
        )
        if not made:
            detail = f"a dossier has at most {endpoints.ENDPOINTS_MAX} webhook endpoints"
            raise Fault(Kind.CONFLICT, "too-many-webhook-endpoints", detail)
        await endpoints.add_secret(tx, endpoint_id, secret, now=now, others_until=now)
        return await _show_secret(tx, endpoint_id, secret)

    return await store_once(request, await read_all(request), make)


async def list_webhook_endpoints(request: web.Request) -> web.Response:
    """Show all endpoints of the dossier, newest first, with why one is disabled and what to do."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        found = await endpoints.list_endpoints(tx)
    return json_response(model.WebhookEndpoints(webhook_endpoints=tuple(map(_endpoint, found))))


async def show_webhook_endpoint(request: web.Request) -> web.Response:
    """Show one endpoint, without its secret."""
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        return json_response(_endpoint(await find_endpoint(tx, request)))


async def change_webhook_endpoint(request: web.Request) -> web.Response:
    """Change an endpoint, or disable and enable it; what is left out stays.

    While it is disabled nothing is sent to it and nothing is lost: enabled again, it goes on where
    it stopped.
    """
    wanted = await read_json(request, model.WebhookEndpointChange)
    if wanted.url is not msgspec.UNSET:
        _check_url(request, wanted.url)
    if wanted.event_types is not msgspec.UNSET:
        _check_types(wanted.event_types)
    now = request.app[SERVICES].clock.now()
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        old = await find_endpoint(tx, request, lock=True)
        await endpoints.change_endpoint(
            tx,
            old.id,
            url=_or_else(wanted.url, old.url),
            description=_or_else(wanted.description, old.description),
            event_types=_or_else(wanted.event_types, old.event_types),
            now=now,
        )
        if wanted.is_enabled is True:
            await endpoints.enable_endpoint(tx, old.id, now=now)
        elif wanted.is_enabled is False:
            await endpoints.disable_endpoint(tx, old.id, endpoints.Disabled.REQUESTED, now=now)
        return json_response(_endpoint(await find_endpoint(tx, request)))


async def delete_webhook_endpoint(request: web.Request) -> web.Response:
    """Forget an endpoint, with its secrets and its deliveries."""
    wanted, now = parameters.read_id(request, WHAT), request.app[SERVICES].clock.now()
    async with request.app[SERVICES].db.transaction(request[DOSSIER]) as tx:
        if not await endpoints.delete_endpoint(tx, wanted, now=now):
            raise parameters.not_found(WHAT, wanted)
    return web.Response(status=204)


async def rotate_webhook_secret(request: web.Request) -> web.Response:
    """Give an endpoint a new secret; for `overlap_seconds` messages are signed with both.

    The answer is the only place that shows the new secret. An earlier one that was still good ends
    with the last one, or when it would have.
    """
    wanted = await read_json(request, model.WebhookRotation)
    clock = request.app[SERVICES].clock
    now, secret = clock.now(), clock.random(SECRET_BYTES)

    async def rotate(tx: Transaction) -> Answer:
        found = await find_endpoint(tx, request, lock=True)
        if len(await endpoints.list_secrets(tx, found.id, now=now)) >= endpoints.SECRETS_MAX:
            detail = f"{endpoints.SECRETS_MAX} secrets are good already; wait until one ends"
            raise Fault(Kind.CONFLICT, "too-many-webhook-secrets", detail)
        until = now + timedelta(seconds=wanted.overlap_seconds)
        await endpoints.add_secret(tx, found.id, secret, now=now, others_until=until)
        return await _show_secret(tx, found.id, secret)

    return await store_once(request, await read_all(request), rotate)


async def _show_secret(tx: Transaction, endpoint_id: UUID, secret: bytes) -> Answer:
    made = await endpoints.find_endpoint(tx, endpoint_id)
    assert made is not None
    shown = model.FreshWebhookEndpoint(
        secret=write_secret(secret), **msgspec.structs.asdict(_endpoint(made))
    )
    location = f"/v1/webhook-endpoints/{endpoint_id}"
    return Answer(status=201, value=shown, location=location, secret=True)


async def find_endpoint(
    tx: Transaction, request: web.Request, *, lock: bool = False
) -> endpoints.Endpoint:
    """Return the endpoint that the address names, or raise Fault (NOT_FOUND)."""
    wanted = parameters.read_id(request, WHAT)
    found = await endpoints.find_endpoint(tx, wanted, lock=lock)
    if found is None:
        raise parameters.not_found(WHAT, wanted)
    return found


def _check_url(request: web.Request, url: str) -> None:
    """Refuse an address that nothing will be posted to; a name is judged when it is used."""
    stage = request.app[SERVICES].settings.stage
    try:
        EgressRules(sandbox=stage is Stage.SANDBOX).check(url, Purpose.WEBHOOK)
    except AddressRefused as refusal:
        raise bad_value("bad-webhook-url", "/url", refusal.detail) from refusal


def _check_types(wanted: tuple[str, ...]) -> None:
    for number, name in enumerate(wanted):
        if name not in events.EVENT_TYPES:
            known = ", ".join(events.EVENT_TYPES)
            raise bad_value("unknown-event-type", f"/event_types/{number}", f"is none of {known}")


def _or_else(given: Any, old: Any) -> Any:
    return old if given is msgspec.UNSET else given


def _endpoint(row: endpoints.Endpoint) -> model.WebhookEndpoint:
    return model.WebhookEndpoint(
        id=row.id,
        url=row.url,
        description=row.description,
        event_types=row.event_types,
        is_enabled=row.is_enabled,
        disabled_reason=row.disabled_reason,
        disabled_at=row.disabled_at,
        advice=advice(row.disabled_reason),
        failing_since=row.failing_since,
        replaying_since=row.replaying_since,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


BODY: Final = ("not-json", "bad-json", "request-entity-too-large")
"""What a body is refused with."""
_ADDRESS: Final = ("bad-webhook-url", "unknown-event-type")

ROUTES: Final = (
    Route(
        "POST",
        "/v1/webhook-endpoints",
        create_webhook_endpoint,
        Scope.WEBHOOKS_WRITE,
        Body(JSON, model.FreshWebhookEndpoint),
        201,
        sends=(Body(JSON, model.NewWebhookEndpoint),),
        parameters=(KEY,),
        refusals=(*BODY, *_ADDRESS, "too-many-webhook-endpoints", "answer-sealed"),
    ),
    Route(
        "GET",
        "/v1/webhook-endpoints",
        list_webhook_endpoints,
        Scope.WEBHOOKS_READ,
        Body(JSON, model.WebhookEndpoints),
    ),
    Route(
        "GET",
        "/v1/webhook-endpoints/{id}",
        show_webhook_endpoint,
        Scope.WEBHOOKS_READ,
        Body(JSON, model.WebhookEndpoint),
    ),
    Route(
        "PATCH",
        "/v1/webhook-endpoints/{id}",
        change_webhook_endpoint,
        Scope.WEBHOOKS_WRITE,
        Body(JSON, model.WebhookEndpoint),
        sends=(Body(JSON, model.WebhookEndpointChange),),
        refusals=(*BODY, *_ADDRESS),
    ),
    Route(
        "DELETE",
        "/v1/webhook-endpoints/{id}",
        delete_webhook_endpoint,
        Scope.WEBHOOKS_WRITE,
        None,
        204,
    ),
    Route(
        "POST",
        "/v1/webhook-endpoints/{id}/rotate-secret",
        rotate_webhook_secret,
        Scope.WEBHOOKS_WRITE,
        Body(JSON, model.FreshWebhookEndpoint),
        201,
        sends=(Body(JSON, model.WebhookRotation),),
        parameters=(KEY,),
        refusals=(*BODY, "too-many-webhook-secrets", "answer-sealed"),
    ),
)
