"""Dossiers of a running gateway: the companies whose documents it keeps apart."""

import argparse
from uuid import UUID

from msgspec import UNSET

from gateway.client.model import Dossier, DossierChange, DossierPage
from gateway.commands.remote import Call, add_calls, argument, page_lines, paged, run_call

SUMMARY = "list, make and change the dossiers of a running gateway"


def _line(each: Dossier) -> str:
    kind = "test" if each.is_test else "live"
    return f"{each.id}  {each.country}  {kind}  {each.name}  {each.reference or ''}".rstrip()


def _page(page: DossierPage) -> list[str]:
    return page_lines(map(_line, page.dossiers), page)


def _change(args: argparse.Namespace) -> DossierChange:
    """Return what the arguments say: what is left out stays, an empty reference is taken away."""
    return DossierChange(
        name=UNSET if args.name is None else args.name,
        reference=UNSET if args.reference is None else args.reference or None,
    )


_ID = argument("id", type=UUID, metavar="ID", help="the dossier")
_REFERENCE = argument("--reference", metavar="TEXT", help="what your software calls it")

CALLS = (
    Call(
        "list",
        "show the dossiers that the key opens, newest first",
        lambda client, args: client.dossiers(
            limit=args.limit, cursor=args.cursor, reference=args.reference
        ),
        _page,
        (*paged(), _REFERENCE),
    ),
    Call(
        "create",
        "make a dossier",
        lambda client, args: client.create_dossier(
            args.name, args.country, reference=args.reference
        ),
        lambda made: [_line(made)],
        (
            argument("name", metavar="NAME", help="of the company"),
            argument("--country", default="BE", metavar="XX", help="where it is (default: BE)"),
            _REFERENCE,
        ),
    ),
    Call(
        "show",
        "show one dossier",
        lambda client, args: client.dossier(args.id),
        lambda found: [_line(found)],
        (_ID,),
    ),
    Call(
        "change",
        "give a dossier another name or reference",
        lambda client, args: client.change_dossier(args.id, _change(args)),
        lambda changed: [_line(changed)],
        (_ID, argument("--name", metavar="NAME", help="of the company"), _REFERENCE),
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the calls of `dossiers`."""
    add_calls(parser, CALLS)


def run(args: argparse.Namespace) -> int:
    """Ask the gateway and return the exit code."""
    return run_call(args, CALLS)
