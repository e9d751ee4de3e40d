"""Find where a participant takes a document type, as the gateway would before sending.

The question goes to DNS and SMP themselves, with the trust and the zone of the settings; no gateway
has to run.
"""

import argparse
import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from gateway.app.lookups import build_finder
from gateway.app.parts import make_clock
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_USAGE,
    add_config,
    add_setting,
    load_settings,
    refuse,
    report,
)
from gateway.egress import Egress, EgressRules, Purpose, tls_context
from gateway.errors import Fault, Kind
from gateway.exchange.lookup import describe_receiver, usual_process
from gateway.settings import Settings, Stage
from gateway.trust import RevocationLists, Trust, load_key_ring, load_smp_anchors
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
    add_config(parser)
    add_setting(parser, "stage", "sml_zone", "dns_servers")


def run(args: argparse.Namespace) -> int:
    """Look up and return the exit code."""
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


async def _look_up(
    settings: Settings,
    participant: ParticipantId,
    document_type: DocumentTypeId,
    process: ProcessId,
) -> dict[str, Any]:
    egress = Egress(
        EgressRules(open=settings.stage is Stage.SANDBOX, as4_ports=settings.as4_ports),
        tls=tls_context(settings.peer_tls_ca_files),
        post_timeout_seconds=settings.send_timeout_seconds,
    )
    async with egress:
        finder = build_finder(settings, egress, _publishers(settings, egress))
        now = make_clock(settings).now()
        return await describe_receiver(finder, participant, document_type, process, now=now)


def _publishers(settings: Settings, egress: Egress) -> Trust:
    """Return who may sign metadata."""
    return Trust(
        anchors=load_smp_anchors(settings),
        keys=load_key_ring(settings),
        lists=RevocationLists(
            getter=egress.getter(Purpose.CRL),
            folder=settings.data_dir / "revocation",
            stale_grace=timedelta(seconds=settings.revocation_stale_grace_seconds),
        ),
        accept_without_address=settings.revocation_without_address == "accept",
    )


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
