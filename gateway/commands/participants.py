"""Participants of a dossier of a running gateway: whom it receives for."""

import argparse

from gateway.client import Participant, Participants
from gateway.client.gateway import GatewayClient
from gateway.client.model import Service
from gateway.commands.remote import Call, add_calls, argument, page_lines, paged, run_call

SUMMARY = "list, register and remove participants of a running gateway"


def _lines(participant: Participant) -> list[str]:
    services = [f"  {each.document_type} in {each.process}" for each in participant.services]
    return [participant.participant, *services]


def _page(page: Participants) -> list[str]:
    return page_lines((line for each in page for line in _lines(each)), page)


async def _register(client: GatewayClient, args: argparse.Namespace) -> Participant:
    services = [Service(document_type=one, process=other) for one, other in args.service or ()]
    return await client.register_participant(args.participant, services or None)


_WHO = argument("participant", metavar="ID", help="participant, as 0208:0123456749")

CALLS = (
    Call(
        "list",
        "show the participants of the dossier, by identifier",
        lambda client, args: client.participants(limit=args.limit, cursor=args.cursor),
        _page,
        paged(),
    ),
    Call(
        "register",
        "serve a participant; without --service for invoices and credit notes",
        _register,
        _lines,
        (
            _WHO,
            argument(
                "--service", action="append", nargs=2, metavar=("TYPE", "PROCESS"),
                help="a document type that it takes, and in which process; more than once",
            ),
        ),
    ),
    Call(
        "show",
        "show one participant of the dossier",
        lambda client, args: client.participant(args.participant),
        _lines,
        (_WHO,),
    ),
    Call(
        "remove",
        "serve a participant no more; its documents stay",
        lambda client, args: client.remove_participant(args.participant),
        lambda _: ["removed"],
        (_WHO,),
    ),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the calls of `participants`."""
    add_calls(parser, CALLS)


def run(args: argparse.Namespace) -> int:
    """Ask the gateway and return the exit code."""
    return run_call(args, CALLS)
