"""Webhooks of a running gateway: who is told what happens in a dossier, and how that went.

A secret is printed once, when the endpoint is made or its secret rotated.
"""

import argparse
from typing import Any
from uuid import UUID

from gateway.client.gateway import GatewayClient
from gateway.client.webhookmodel import (
    FreshWebhookEndpoint,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookEndpoint,
    WebhookEndpointChange,
    WebhookEndpoints,
    WebhookReplay,
)
from gateway.commands.remote import (
    Call,
    add_calls,
    an_instant,
    argument,
    page_lines,
    paged,
    run_call,
)

SUMMARY = "list, make, test and replay webhooks of a running gateway"


def _line(each: WebhookEndpoint) -> str:
    state = "enabled" if each.is_enabled else f"disabled ({each.disabled_reason})"
    failing = (
        "" if each.failing_since is None else f"  failing since {each.failing_since:%d %b %H:%M}"
    )
    kinds = ",".join(each.event_types) or "all events"
    return f"{each.id}  {state}  {each.url}  {kinds}{failing}"


def _lines(each: WebhookEndpoint) -> list[str]:
    """Return the line of an endpoint, and what to do about one that is disabled."""
    if each.advice is None or each.disabled_at is None:
        return [_line(each)]
    since = f"disabled since {each.disabled_at:%d %b %H:%M}"
    return [_line(each), f"  {since}: {each.advice}"]


def _fresh(made: FreshWebhookEndpoint) -> list[str]:
    return [made.secret, "this secret is shown here and nowhere else: keep it", _line(made)]


def _delivery(each: WebhookDelivery) -> str:
    last = each.attempts[-1] if each.attempts else None
    how = "" if last is None else f"  {last.status or last.error}"
    when = f"{each.created_at:%Y-%m-%d %H:%M:%S}"
    tried = f"{len(each.attempts)} attempts{how}"
    return f"{when}  {each.status:<9}  {tried}  {each.event_type}  {each.event_id}"


def _deliveries(page: WebhookDeliveryPage) -> list[str]:
    return page_lines(map(_delivery, page.deliveries), page)


def _replayed(replay: WebhookReplay) -> list[str]:
    if replay.delivery is not None:
        return [_delivery(replay.delivery)]
    return [f"all events after {replay.replaying_since} come again"]


async def _list(client: GatewayClient, _args: argparse.Namespace) -> WebhookEndpoints:
    return WebhookEndpoints(webhook_endpoints=await client.webhook_endpoints())


async def _switch(client: GatewayClient, args: argparse.Namespace) -> WebhookEndpoint:
    change = WebhookEndpointChange(is_enabled=args.what == "enable")
    return await client.change_webhook_endpoint(args.id, change)


async def _change(client: GatewayClient, args: argparse.Namespace) -> WebhookEndpoint:
    wanted: dict[str, Any] = {
        "url": args.address,
        "event_types": None if args.event is None else tuple(args.event),
        "description": args.description,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    if args.all_events:
        given["event_types"] = ()
    if args.no_description:
        given["description"] = None
    return await client.change_webhook_endpoint(args.id, WebhookEndpointChange(**given))


_ID = argument("id", type=UUID, metavar="ID", help="the endpoint")

CALLS = (
    Call("list", "show the endpoints of the dossier", _list,
         lambda found: [line for each in found.webhook_endpoints for line in _lines(each)]),
    Call(
        "create",
        "let an address be told what happens, and print its secret this once",
        lambda client, args: client.create_webhook_endpoint(
            args.address, event_types=args.event or (), description=args.description
        ),
        _fresh,
        (
            argument("address", metavar="URL", help="https address, no private one"),
            argument(
                "--event", action="append", metavar="TYPE",
                help="a type it is told of, as document.delivered; more than once (default: all)",
            ),
            argument("--description", metavar="TEXT", help="what it is for"),
        ),
    ),
    Call("show", "show one endpoint", lambda client, args: client.webhook_endpoint(args.id),
         _lines, (_ID,)),
    Call(
        "change",
        "give an endpoint another address, events or description; what is left out stays",
        _change,
        _lines,
        (
            _ID,
            argument("--address", metavar="URL", help="https address, no private one"),
            argument(
                "--event", action="append", metavar="TYPE",
                help="a type it is told of from now on, and no other; more than once",
            ),
            argument("--all-events", action="store_true", help="it is told of all types"),
            argument("--description", metavar="TEXT", help="what it is for"),
            argument("--no-description", action="store_true", help="take the description away"),
        ),
    ),
    Call("enable", "go on telling an endpoint, from where it stopped", _switch,
         lambda found: [_line(found)], (_ID,)),
    Call("disable", "tell an endpoint nothing for now", _switch,
         lambda found: [_line(found)], (_ID,)),
    Call("delete", "forget an endpoint",
         lambda client, args: client.delete_webhook_endpoint(args.id),
         lambda _: ["deleted"], (_ID,)),
    Call(
        "rotate",
        "give an endpoint a new secret; for a while messages carry signatures of both",
        lambda client, args: client.rotate_webhook_secret(args.id, overlap_seconds=args.overlap),
        _fresh,
        (
            _ID,
            argument("--overlap", type=int, default=86400, metavar="SECONDS",
                     help="how long the old one is good (default: a day)"),
        ),
    ),
    Call("test", "send an endpoint an event webhook.test",
         lambda client, args: client.test_webhook_endpoint(args.id), _replayed, (_ID,)),
    Call(
        "deliveries",
        "show what an endpoint was sent or will be, newest first",
        lambda client, args: client.webhook_deliveries(
            args.id, limit=args.limit, cursor=args.cursor, status=args.status
        ),
        _deliveries,
        (
            _ID, *paged(),
            argument("--status", choices=("pending", "delivered", "failed"), help="those alone"),
        ),
    ),
    Call(
        "replay",
        "send an event again, or all since an instant",
        lambda client, args: client.replay_webhooks(
            args.id, event_id=args.event_id, since=args.since
        ),
        _replayed,
        (
            _ID,
            argument("--event-id", metavar="ID", help="the one event"),
            argument("--since", type=an_instant, metavar="INSTANT", help="all that came later"),
        ),
    ),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the calls of `webhooks`."""
    add_calls(parser, CALLS)


def run(args: argparse.Namespace) -> int:
    """Ask the gateway and return the exit code."""
    return run_call(args, CALLS)
