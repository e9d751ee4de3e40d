"""Find where a participant takes a document type, as the gateway would before sending.

The question goes to DNS and SMP themselves, with the trust and the zone of the settings; no gateway
has to run.  With `--url` a gateway that runs is asked instead, and says what it finds.
"""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.app.lookups import build_finder
from gateway.app.parts import make_clock, make_egress
from gateway.app.trusts import build_trusts
from gateway.client import GatewayClient
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_USAGE,
    add_client,
    add_dossier,
    add_setting,
    api_access,
    load_settings,
    refuse,
    report,
)
from gateway.egress import Purpose
from gateway.errors import Fault, Kind
from gateway.exchange.lookup import describe_receiver, usual_process
from gateway.settings import Settings
from gateway.trust import load_key_ring
from ubl.errors import BadIdentifier
from ubl.identifiers import INVOICE, DocumentTypeId, ParticipantId, ProcessId

SUMMARY = "find where a participant takes a document type"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `lookup`."""
    parser.add_argument("participant", metavar="ID", help="participant, as 0208:0123456749")
    parser.add_argument(
        "--document-type", metavar="ID", help="with its scheme (default: BIS Billing 3.0 invoice)"
    )
    parser.add_argument(
        "--process", metavar="ID", help="with its scheme (default: that of the document type)"
    )
    add_client(parser)
    add_dossier(parser)
    add_setting(parser, "stage", "sml_zone", "dns_servers")


def run(args: argparse.Namespace) -> int:
    """Look up and return the exit code."""
    if args.setting_url is not None:
        report(args, asyncio.run(_ask(args)), _lines)
        return EXIT_DONE
    settings = load_settings(args)
    try:
        participant = ParticipantId.parse(args.participant)
        named = args.document_type
        document_type = INVOICE if named is None else DocumentTypeId.parse(named)
        named = args.process
        process = usual_process(document_type) if named is None else ProcessId.parse(named)
    except BadIdentifier as error:
        return refuse(args, Fault(Kind.INVALID, "bad-identifier", error.detail), EXIT_USAGE)
    except Fault as fault:
        return refuse(args, fault, EXIT_USAGE)
    facts = asyncio.run(_look_up(settings, participant, document_type, process))
    report(args, msgspec.to_builtins(facts), _lines)
    return EXIT_DONE


async def _ask(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the gateway at `--url` finds."""
    url, key = api_access(args)
    async with GatewayClient(url, key, dossier=args.dossier) as client:
        return await client.lookup(args.participant, args.document_type, args.process)


async def _look_up(
    settings: Settings,
    participant: ParticipantId,
    document_type: DocumentTypeId,
    process: ProcessId,
) -> dict[str, Any]:
    async with make_egress(settings) as egress:
        getter, asker = egress.getter(Purpose.CRL), egress.asker(Purpose.OCSP)
        keys = load_key_ring(settings)
        _, publishers = build_trusts(settings, keys, getter=getter, asker=asker)
        finder = build_finder(settings, egress, publishers)
        now = make_clock(settings).now()
        return await describe_receiver(finder, participant, document_type, process, now=now)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    endpoint = facts["endpoint"]
    certificate = endpoint["certificate"]
    return [
        f"participant    {facts['participant']}",
        f"document type  {facts['document_type']}",
        f"published as   {endpoint['published_document_type']}",
        f"process        {facts['process']}",
        f"SMP            {facts['smp_url']}",
        f"signed by      {facts['smp_signer']}",
        f"endpoint       {endpoint['address']}  ({endpoint['transport_profile']})",
        f"certificate    {certificate['subject']}, until {certificate['not_after']}",
    ]
