"""`make interop`: two implementations on loopback, every case in both directions, one matrix."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from gateway.client.model import Service
from tests.interop import awkward, curves, documents, incoming, latency, outgoing, phase4, phoss_smp
from tests.interop import sandbox as sandboxes
from tests.interop.cells import OURS_TO_PHASE4, PHASE4_TO_OURS, Cell, line, summary
from tests.interop.deviations import reviewed
from tests.interop.match import Match, play
from tests.interop.phase4 import Keys
from tests.interop.proxy import wire_to
from tests.interop.sandbox import Sandbox, SandboxTrouble, issued
from tests.support.peer import Peer, key_pair

THEIR_SEAT, OUR_SECOND_SEAT = "PBE000009", "PBE000008"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make interop", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last on stdout")
    parser.add_argument(
        "--only", metavar="CASE", help="the cases with this in their name; or phoss-smp"
    )
    parser.add_argument("--no-latency", action="store_true", help="leave the measurement out")
    args = parser.parse_args()
    reason = phase4.missing()
    if reason is not None:
        say(f"not run: {reason}")
        if args.json:
            print(json.dumps({**summary([]), "not_run": reason}), flush=True)
        return 0
    started = time.monotonic()
    try:
        say("building the Java peer")
        report = asyncio.run(_interop(phase4.build(), args))
    except (phase4.PeerTrouble, SandboxTrouble) as trouble:
        say(str(trouble))
        report = {**summary([]), "error": str(trouble)}
    report["seconds"] = round(time.monotonic() - started, 1)
    if args.json:
        print(json.dumps(report, ensure_ascii=False), flush=True)
    else:
        print(f"{report['passed']} passed, {report['failed']} failed")
        print(f"latency of an 8 KB invoice: {json.dumps(report.get('latency'))}")
    return 1 if report["failed"] or "error" in report else 0


async def _interop(jar: Path, args: argparse.Namespace) -> dict[str, Any]:
    played: list[Cell] = []
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="peppol-interop-") as name:
        async with AsyncExitStack() as stack:
            match = await _open(stack, jar, Path(name))
            async for found in _cells(match, jar, args.only or ""):
                cell = reviewed(found)
                played.append(cell)
                say(line(cell))
            if not args.no_latency and not args.only:
                say("latency of an 8 KB invoice")
                measured = await _measure(match)
    return {**summary(played), "latency": measured}


async def _measure(match: Match) -> dict[str, Any]:
    """Return the latencies; a measurement that breaks is told and takes no cell along."""
    try:
        return await latency.measure(match)
    except (phase4.PeerTrouble, SandboxTrouble) as trouble:
        say(f"not measured: {trouble}")
        return {"error": str(trouble)}


async def _open(stack: AsyncExitStack, jar: Path, folder: Path) -> Match:
    """Start the sandbox, phase4 and the wire between them; make every key and registration."""
    say("starting the sandbox")
    sandbox = await stack.enter_async_context(sandboxes.running(folder / "sandbox"))
    theirs = await sandbox.issue(THEIR_SEAT, "phase4")
    ours = await sandbox.issue(OUR_SECOND_SEAT, "second")
    keys = Keys.issued(theirs, THEIR_SEAT, sandbox.facts["truststores"])
    say("starting phase4's receiver and sender")
    served = f"{documents.THEIRS},{documents.THEIR_PROVIDER}"
    peer = await stack.enter_async_context(phase4.running(jar, keys, folder / "java", served))
    wire = await stack.enter_async_context(wire_to(peer.as4_url, sandbox.tls_ca))
    await _register(sandbox, peer.as4_url, keys)
    second = issued(ours, OUR_SECOND_SEAT)
    return Match(
        sandbox=sandbox,
        phase4=peer,
        wire=wire,
        folder=folder,
        peer=Peer(key_pair(second), issued(theirs, THEIR_SEAT), sandbox.trust),
        our_bad=await sandboxes.bad_keys(sandbox, ours, OUR_SECOND_SEAT),
        their_bad=await sandboxes.bad_keys(sandbox, theirs, THEIR_SEAT),
        session=await stack.enter_async_context(aiohttp.ClientSession()),
    )


async def _register(sandbox: Sandbox, as4_url: str, keys: Keys) -> None:
    """Let the sandbox find phase4's participants, and blue and red be service providers too."""
    status = {"document_type": documents.MLS_TYPE, "process": documents.MLS_PROCESS}
    await sandbox.register(documents.THEIRS, as4_url, keys.certificate)
    await sandbox.register(documents.THEIR_PROVIDER, as4_url, keys.certificate, **status)
    for corner, provider in (
        (sandbox.blue, documents.OUR_SENDER),
        (sandbox.red, documents.OUR_PROVIDER),
    ):
        async with corner.client() as client:
            await client.register_participant(provider, services=[Service(**status)])


async def _cells(match: Match, jar: Path, only: str) -> AsyncIterator[Cell]:
    for direction, cases in (
        (OURS_TO_PHASE4, outgoing.CASES | awkward.OUTGOING),
        (PHASE4_TO_OURS, incoming.CASES | awkward.INCOMING),
    ):
        wanted = {name: case for name, case in cases.items() if only in name}
        async for cell in play(match, direction, wanted):
            yield cell
    async for cell in curves.cells(jar, match.phase4.keys, match.folder / "curves", only):
        yield cell
    if only in phoss_smp.DIRECTION:
        async for cell in phoss_smp.cells(match.sandbox, match.folder / "phoss-smp"):
            yield cell


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
