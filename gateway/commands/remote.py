"""Verbs that ask a running gateway: each is a list of calls of the client.

`--url` and the API key say which gateway, `--dossier` in whose books; the answer is printed as a
line for each thing, or with `--json` as the API gave it.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.client import GatewayClient
from gateway.commands.options import EXIT_DONE, add_client, add_dossier, api_access, report

__all__ = ["Call", "Flag", "add_calls", "an_instant", "argument", "page_lines", "paged", "run_call"]

Lines = Callable[[Any], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Flag:
    """An argument of a call, as `argparse` takes it: its *names*, and the rest as *options*."""

    names: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that a verb does: *ask* it of the client, and say the answer in *lines*.

    *ends* gives the exit code for an answer that may say no in part.
    """

    name: str
    says: str
    ask: Callable[[GatewayClient, argparse.Namespace], Awaitable[Any]]
    lines: Lines
    flags: tuple[Flag, ...] = ()
    ends: Callable[[Any], int] = lambda _: EXIT_DONE


def argument(*names: str, **options: Any) -> Flag:
    """Return an argument of a call, declared as with `add_argument`."""
    return Flag(names, options)


def paged() -> tuple[Flag, ...]:
    """Return what says which page of a list is wanted."""
    return (
        argument("--limit", type=int, metavar="N", help="how many on the page, up to 200"),
        argument("--cursor", metavar="TEXT", help="next_cursor of the page before"),
    )


def page_lines(lines: Iterable[str], page: Any) -> list[str]:
    """Return the *lines* of a *page*, and how to ask for the next one if there is one."""
    return [*lines, *([f"more: --cursor {page.next_cursor}"] if page.has_more else [])]


def an_instant(text: str) -> datetime:
    """Return the instant that *text* is, in UTC when it names no offset; for `type=`."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def add_calls(parser: argparse.ArgumentParser, calls: Sequence[Call]) -> None:
    """Declare *calls* as verbs below the verb of *parser*."""
    names = "|".join(call.name for call in calls)
    verbs = parser.add_subparsers(dest="what", required=True, metavar=names)
    for call in calls:
        verb = verbs.add_parser(call.name, help=call.says, description=call.says)
        for flag in call.flags:
            verb.add_argument(*flag.names, **flag.options)
        add_client(verb)
        add_dossier(verb)


def run_call(args: argparse.Namespace, calls: Sequence[Call]) -> int:
    """Ask what *args* chose of *calls*, print the answer, and return the exit code."""
    call = next(each for each in calls if each.name == args.what)
    answer = asyncio.run(_ask(args, call))
    facts = {"ok": True} if answer is None else msgspec.to_builtins(answer)
    report(args, facts, call.lines(answer))
    return call.ends(answer)


async def _ask(args: argparse.Namespace, call: Call) -> Any:
    url, key = api_access(args)
    async with GatewayClient(url, key, dossier=args.dossier) as client:
        return await call.ask(client, args)
