"""`make conformance-phase4`: the conformance suite pointed at phase4, with phoss-smp behind it.

A sandbox gives authorities and revocation lists; phase4 receives and sends; phoss-smp publishes
its participant, and a locator leads there.  The suite itself is `gateway conformance run`, started
as an administrator would.  Beside the report, `phase4/` holds what phase4 says of itself: its log,
what it delivered, and what it refused.
"""

import argparse
import asyncio
import json
import shlex
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from gateway.sandbox.dns import Locator, serve_dns
from gateway.sandbox.pki import issue_publisher
from gateway.sandbox.proving import issue_testers
from smp.metadata import PublishedEndpoint, PublishedProcess, ServiceMetadata
from tests.interop import documents, phase4, phoss_peer
from tests.interop import sandbox as sandboxes
from tests.interop.phase4 import Keys, Phase4
from tests.interop.sandbox import Sandbox, SandboxTrouble
from ubl.identifiers import BILLING, INVOICE, ParticipantId

SEAT, PUBLISHER_SEAT = "PBE000009", "PSM000021"
PARTICIPANT = ParticipantId.parse(documents.THEIRS)
PROFILE = "peppol-transport-as4-v2_0"
DOORS = [sys.executable, "-m", "tests.interop.doors"]
REVOKED = "revoked.cert"
JAVA = (phase4.TALKATIVE, "-Xmx3g")
PATIENCE_SECONDS = 120  # a JVM's first message takes long where others are at work
NOT_RUN = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="make conformance-phase4", description=__doc__)
    parser.add_argument(
        "--report", type=Path, default=Path("build/conformance-phase4"), metavar="DIR",
        help="write the report here (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    args, passed_on = parser.parse_known_args()
    reason = phase4.missing()
    if reason is not None:
        return _not_run(args, reason)
    if args.json:
        passed_on.append("--json")
    try:
        say("building the Java peers")
        jar = phase4.build()
        asyncio.run(phoss_peer.build())
        return asyncio.run(_prove(jar, args.report.resolve(), passed_on))
    except (phase4.PeerTrouble, phoss_peer.PhossTrouble, SandboxTrouble) as trouble:
        return _not_run(args, str(trouble))


def _not_run(args: argparse.Namespace, reason: str) -> int:
    say(f"not run: {reason}")
    if args.json:
        print(json.dumps({"not_run": reason}), flush=True)
    return NOT_RUN


async def _prove(jar: Path, report: Path, passed_on: list[str]) -> int:
    """Start everything in a folder of its own, run the suite, and return its exit code."""
    own = report / "phase4"
    own.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peppol-proving-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            say("starting the sandbox, phase4 and phoss-smp")
            sandbox = await stack.enter_async_context(sandboxes.running(folder / "sandbox"))
            theirs = await sandbox.issue(SEAT, "phase4")
            keys = Keys.issued(theirs, SEAT, sandbox.facts["truststores"])
            peer = await stack.enter_async_context(
                phase4.running(jar, keys, own, documents.THEIRS, flags=JAVA)
            )
            directory = await _publish(stack, sandbox, keys, peer, folder)
            testers = await _testers(sandbox, folder / "testers")
            flags = [
                *_target(sandbox, peer, keys, testers), *directory, *_doors(peer, folder),
                "--report", str(report), *passed_on,
            ]  # fmt: skip
            (own / "command.txt").write_text(shlex.join(["gateway", "conformance", "run", *flags]))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "conformance", "run", *flags
            )
            code = await process.wait()
            await _keep_ledger(peer, own)
            await asyncio.to_thread(_keep_keys, sandbox, keys, own)
    return code


async def _testers(sandbox: Sandbox, folder: Path) -> Path:
    """Write the tester's identities as `--keys` takes them, and revoke the one that must be."""
    await asyncio.to_thread(_write_testers, sandbox, folder)
    await sandbox.revoke(folder / REVOKED)
    return folder


def _write_testers(sandbox: Sandbox, folder: Path) -> None:
    folder.mkdir()
    for name, identity in issue_testers(sandbox.pki, datetime.now(UTC)).items():
        (folder / f"{name}.pem").write_bytes(identity.key_pem + identity.certificate_pem)
        if name == "revoked":
            (folder / REVOKED).write_bytes(identity.certificate_pem)


async def _publish(
    stack: AsyncExitStack, sandbox: Sandbox, keys: Keys, peer: Phase4, folder: Path
) -> list[str]:
    """Let phoss-smp publish phase4's participant and a locator lead there; return the flags."""
    pki = sandbox.pki
    publisher = issue_publisher(pki, PUBLISHER_SEAT, now=datetime.now(UTC))
    authorities = [pki.smp_ca.certificate, pki.root.certificate]
    phoss = await stack.enter_async_context(
        phoss_peer.running(folder / "smp", publisher, authorities)
    )
    endpoint = PublishedEndpoint(
        transport_profile=PROFILE,
        address=peer.as4_url,
        certificate=keys.certificate.read_text(),
        description="invoices",
        contact_url="mailto:peppol@example.org",
    )
    services = ServiceMetadata(PARTICIPANT, INVOICE, (PublishedProcess(BILLING, (endpoint,)),))
    await phoss.publish(PARTICIPANT, {INVOICE: services})
    locator = Locator(sandbox.facts["zone"])
    locator.register(PARTICIPANT, phoss.url)
    await stack.enter_async_context(serve_dns(locator))
    host, port = locator.address
    certificates = sandbox.facts["certificates"]
    return [
        "--smp", phoss.url, "--smp-trust", certificates["root"],
        "--smp-trust", certificates["smp_ca"],
        "--dns", f"{host}:{port}", "--zone", locator.zone,
    ]  # fmt: skip


def _target(sandbox: Sandbox, peer: Phase4, keys: Keys, testers: Path) -> list[str]:
    certificates = sandbox.facts["certificates"]
    return [
        "--target", peer.as4_url, "--certificate", str(keys.certificate), "--keys", str(testers),
        "--participant", PARTICIPANT.value, "--trust", certificates["root"],
        "--trust", certificates["ap_ca"],
    ]  # fmt: skip


def _doors(peer: Phase4, folder: Path) -> list[str]:
    inbox = folder / "inbox"
    inbox.mkdir()
    receiver = peer.as4_url.removesuffix("/as4")
    return [
        "--inbox-command", shlex.join([*DOORS, "inbox", receiver, str(inbox)]),
        "--send-command", shlex.join([*DOORS, "send", peer.sender_url, PARTICIPANT.value]),
        "--patience", str(PATIENCE_SECONDS),
    ]  # fmt: skip


async def _keep_ledger(peer: Phase4, own: Path) -> None:
    """Write down what phase4 delivered and what it refused, as it tells it."""
    receiver = peer.as4_url.removesuffix("/as4")
    for name in ("received", "refused", "stats"):
        facts: Any
        try:
            async with peer.session.get(f"{receiver}/{name}") as answer:
                facts = await answer.json(content_type=None)
        except aiohttp.ClientError as error:
            facts = {"error": f"phase4 does not tell: {error}"}
        (own / f"{name}.json").write_text(json.dumps(facts, indent=1))


def _keep_keys(sandbox: Sandbox, keys: Keys, own: Path) -> None:
    """Keep what `gateway inspect` needs to explain the evidence; the authorities are gone then."""
    for name in ("root", "ap_ca"):
        shutil.copy(sandbox.facts["certificates"][name], own)
    shutil.copytree(keys.certificate.parent, own / "keys", dirs_exist_ok=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
