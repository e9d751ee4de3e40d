"""Send a test message to the access point of a participant, through a running gateway.

It is looked up, signed, sent and receipted like any message, but carries no document and is
delivered to nobody.
"""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.client import GatewayClient
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    EXIT_TEMPORARY,
    add_client,
    add_dossier,
    api_access,
    report,
)

SUMMARY = "send a test message to the access point of a participant"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ping`."""
    parser.add_argument("participant", metavar="ID", help="participant, as 0208:0123456749")
    add_client(parser)
    add_dossier(parser)


def run(args: argparse.Namespace) -> int:
    """Send the test message and return the exit code."""
    facts = asyncio.run(_ping(args))
    report(args, facts, _lines)
    if facts["ok"]:
        return EXIT_DONE
    return EXIT_TEMPORARY if facts["temporary"] else EXIT_REFUSED


async def _ping(args: argparse.Namespace) -> dict[str, Any]:
    url, key = api_access(args)
    async with GatewayClient(url, key, dossier=args.dossier) as client:
        return await client.ping(args.participant)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    verdict = (
        "answered with a receipt"
        if facts["ok"]
        else f"did not ({facts['phase']}): {facts['detail']}"
    )
    return [f"{facts['access_point']} at {facts['address']} {verdict} ({facts['milliseconds']} ms)"]
