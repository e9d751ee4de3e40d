"""API keys of a running gateway: who may do what, in which dossiers, and for how long.

A key opens no more than the key that makes it. It is printed once, when it is made.
"""

import argparse
from uuid import UUID

from gateway.client.model import ApiKey, ApiKeyPage, FreshApiKey
from gateway.commands.remote import (
    Call,
    add_calls,
    an_instant,
    argument,
    page_lines,
    paged,
    run_call,
)

SUMMARY = "list, make, rotate and revoke API keys of a running gateway"


def _line(each: ApiKey) -> str:
    opens = "all dossiers" if each.dossiers is None else f"{len(each.dossiers)} dossiers"
    used = "never used" if each.last_used_at is None else f"used {each.last_used_at:%Y-%m-%d %H:%M}"
    state = ""
    if each.revoked_at is not None:
        state = f"  revoked {each.revoked_at:%Y-%m-%d}"
    elif each.expires_at is not None:
        state = f"  until {each.expires_at:%Y-%m-%d %H:%M}"
    scopes = ",".join(each.scopes)
    return f"{each.id}  …{each.hint}  {each.name}  {scopes}  {opens}  {used}{state}"


def _fresh(made: FreshApiKey) -> list[str]:
    return [made.key, "this key is shown here and nowhere else: keep it", _line(made)]


def _page(page: ApiKeyPage) -> list[str]:
    return page_lines(map(_line, page.api_keys), page)


_ID = argument("id", type=UUID, metavar="ID", help="the key's id, not the key")

CALLS = (
    Call(
        "list",
        "show the keys that open no more than yours, newest first",
        lambda client, args: client.api_keys(limit=args.limit, cursor=args.cursor),
        _page,
        paged(),
    ),
    Call(
        "create",
        "make a key, and print it this once",
        lambda client, args: client.create_api_key(
            args.name,
            args.scope,
            dossiers=args.opens,
            expires_at=args.expires_at,
            is_test=args.test or None,
        ),
        _fresh,
        (
            argument("name", metavar="NAME", help="for whom or what it is"),
            argument(
                "--scope", action="append", required=True, metavar="SCOPE",
                help="what it may do, such as documents:read; more than once, or * for all",
            ),
            argument(
                "--opens", action="append", type=UUID, metavar="ID",
                help="a dossier it opens; more than once (default: those of your key)",
            ),
            argument("--expires-at", type=an_instant, metavar="INSTANT", help="when it ends"),
            argument(
                "--test", action="store_true",
                help="it opens all test dossiers; your live key opens all others",
            ),
        ),
    ),
    Call(
        "show",
        "show one key, without the key itself",
        lambda client, args: client.api_key(args.id),
        lambda found: [_line(found)],
        (_ID,),
    ),
    Call(
        "rotate",
        "make a key that opens the same, and let the old one end",
        lambda client, args: client.rotate_api_key(args.id, overlap_seconds=args.overlap),
        _fresh,
        (
            _ID,
            argument(
                "--overlap", type=int, default=86400, metavar="SECONDS",
                help="how long both are good (default: a day)",
            ),
        ),
    ),
    Call(
        "revoke",
        "let a key open nothing from now on",
        lambda client, args: client.revoke_api_key(args.id),
        lambda _: ["revoked"],
        (_ID,),
    ),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the calls of `keys`."""
    add_calls(parser, CALLS)


def run(args: argparse.Namespace) -> int:
    """Ask the gateway and return the exit code."""
    return run_call(args, CALLS)
