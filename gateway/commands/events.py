"""What happens in a dossier of a running gateway, one line for each event.

With --follow it goes on until it is stopped; while the gateway cannot be asked it waits, and says
so on stderr. With --json the page is one object; the cursor in it says where to go on.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import msgspec

from gateway.client import FeedEvent, GatewayClient
from gateway.commands.options import (
    EXIT_DONE,
    add_client,
    add_dossier,
    api_access,
    complain,
    print_json,
    report,
)
from gateway.commands.remote import an_instant, paged
from gateway.errors import Unavailable

SUMMARY = "show what happens in a dossier of a running gateway"

_POLL_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 1.0
_PAUSE_SECONDS_MAX = 60.0  # LIMIT: to which a pause doubles; a gateway may ask for a longer one.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `events`."""
    for flag in paged():
        parser.add_argument(*flag.names, **flag.options)
    parser.add_argument(
        "--since", type=an_instant, metavar="INSTANT", help="only what happened later"
    )
    parser.add_argument("--follow", action="store_true", help="go on with what happens next")
    add_client(parser)
    add_dossier(parser)


def run(args: argparse.Namespace) -> int:
    """Show events and return the exit code."""
    asyncio.run(_show(args))
    return EXIT_DONE


async def _show(args: argparse.Namespace) -> None:
    url, key = api_access(args)
    async with GatewayClient(url, key, dossier=args.dossier) as client:
        if args.follow:
            await follow(client, args)
        page = await client.events(limit=args.limit, cursor=args.cursor, since=args.since)
        report(args, msgspec.to_builtins(page), list(map(_line, page.events)))


async def follow(
    client: GatewayClient,
    args: argparse.Namespace,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> NoReturn:
    """Print events as they happen, for ever, through outages.  Raises Fault when refused."""
    cursor, pause = args.cursor, _FIRST_PAUSE_SECONDS
    while True:
        try:
            page = await client.events(limit=args.limit, cursor=cursor, since=args.since)
        except Unavailable as trouble:
            wait = max(pause, trouble.retry_after_seconds)
            complain(f"{trouble}; asking again in {wait:.0f} s")
            await sleep(wait)
            pause = min(pause * 2, _PAUSE_SECONDS_MAX)
            continue
        pause = _FIRST_PAUSE_SECONDS
        for event in page.events:
            if args.json:
                print_json(msgspec.to_builtins(event))
            else:
                report(args, {}, [_line(event)])
        cursor = page.next_cursor
        if not page.has_more:
            await sleep(_POLL_SECONDS)


def _line(event: FeedEvent) -> str:
    text = event.detail.get("text", "")
    document = "" if event.document_id is None else str(event.document_id)
    return f"{event.at:%Y-%m-%d %H:%M:%S}  {document:<36}  {event.type:<24} {text}".rstrip()
