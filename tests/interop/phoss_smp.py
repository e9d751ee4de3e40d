"""Our look-up against a live phoss-smp: `python -m tests.interop.phoss_smp [--json]`.

NAPTR from the sandbox's responder, metadata from phoss-smp, the redirect to our own SMP; asked by
`gateway lookup` with a settings file.  Each cell says what was asked and what came of it.
"""

import argparse
import asyncio
import io
import json
import random
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from as4.certificates import Anchors, Use, check_certificate
from gateway.__main__ import main as gateway_main
from gateway.sandbox.dns import serve_dns
from gateway.sandbox.network import remove_network
from gateway.sandbox.pki import issue_access_point, issue_publisher, write_identity
from smp.errors import InvalidMetadata
from smp.metadata import group_path, metadata_path, parse_service_group, verify_metadata
from tests.interop.cells import Cell, line, summary
from tests.interop.phoss_cases import (
    MIXED_CASE,
    REGISTERED_ONLY,
    Case,
    Expected,
    Refusal,
    World,
    cases_of,
    other_spellings,
)
from tests.interop.phoss_changed import changed_cases
from tests.interop.phoss_names import Zone, name_cases
from tests.interop.phoss_peer import Phoss, build, not_runnable, running
from tests.interop.relay import Relay, relay_to
from tests.interop.sandbox import Sandbox, SandboxTrouble
from tests.interop.sandbox import running as sandbox_running
from ubl.identifiers import BILLING, CREDIT_NOTE, INVOICE

DIRECTION = "phoss-smp to ours"
SEED = 20_261_122
FLIPS = 300
FOUND, REFUSED, LATER = 0, 1, 3  # how `gateway lookup` ends


@dataclass(slots=True)
class Bench:
    """Everything a cell needs; *folder* is its own."""

    sandbox: Sandbox
    folder: Path
    zone: Zone
    relay: Relay
    world: World

    async def judge(self, case: Case) -> Cell:
        """Make the look-up of *case* and return its cell."""
        self.relay.start_over(
            change=case.change, instead=case.instead, status=case.status, coding=case.coding
        )
        self.zone.start_over()
        self.zone.fails = case.dns_fails
        if case.records is not None:
            self.zone.hold(case.participant, case.records)
        started = time.monotonic()
        facts = await self._look_up(case)
        ms = (time.monotonic() - started) * 1000
        faults = case.outcome.faults(facts)
        asked = tuple(self.relay.paths)
        if case.asks is not None and asked != case.asks:
            faults.append(f"asked {', '.join(asked) or 'nothing'}")
        if case.coding is not None and self.relay.codings != [case.coding]:
            faults.append(f"answered in {', '.join(self.relay.codings)}")
        return Cell(
            DIRECTION,
            case.name,
            _told(case.outcome),
            "; ".join(faults) or _told(case.outcome),
            not faults,
            sent=f"{case.participant}: {case.says}",
            note="" if not faults else f"phoss-smp was asked {len(asked)} times",
            ms=ms,
        )

    async def _look_up(self, case: Case) -> dict[str, Any]:
        """Return what the command prints, or that it ended as it must not."""
        words = (
            "lookup", case.participant.value, "--document-type", case.document_type.uri,
            "--process", case.process.uri, "--config", str(self._settings()),
        )  # fmt: skip
        wanted = FOUND
        if isinstance(case.outcome, Refusal):
            wanted = LATER if case.outcome.later else REFUSED
        if isinstance(case.outcome, Expected):
            try:
                return await self.sandbox.gateway(*words, codes=(wanted,))
            except SandboxTrouble as trouble:
                return {"error": str(trouble)}
        # The same command in this process: to start a new one for each refusal takes minutes.
        code, facts = await asyncio.to_thread(_run_here, *words, "--json")
        if code == wanted or "endpoint" in facts:
            return facts
        return {"error": f"exit code {code}, not {wanted}: {facts}"}

    def _settings(self) -> Path:
        """Write blue's settings with our DNS and a data folder nobody used; return the file."""
        values = tomllib.loads(self.sandbox.blue.config.read_text())
        host, port = self.zone.address
        values |= {"dns_servers": [f"{host}:{port}"], "data_dir": str(self.folder / "data")}
        file = self.folder / "gateway.toml"
        file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
        return file


async def cells(sandbox: Sandbox, folder: Path) -> AsyncIterator[Cell]:
    """Yield the cells, made against *sandbox* in *folder*; phoss-smp ends with the last one.

    There are none where Java or Maven is missing: ask `not_runnable` first.
    """
    await build()
    async with AsyncExitStack() as stack:
        now = datetime.now(UTC)
        pki = sandbox.pki
        publisher = issue_publisher(pki, "PSM000021", now=now)
        receiver = issue_access_point(pki, "PBE000022", now=now)
        world = World.of(sandbox, receiver=receiver, phoss=publisher)
        authorities = [pki.smp_ca.certificate, pki.root.certificate]
        phoss = await stack.enter_async_context(running(folder / "smp", publisher, authorities))
        await phoss.publish(world.participant, world.services(phoss.url))
        mixed = world.metadata(INVOICE, BILLING, participant=MIXED_CASE)
        await phoss.publish(MIXED_CASE, {INVOICE: mixed})
        relay = await stack.enter_async_context(relay_to(phoss.url))
        zone = Zone(sandbox.facts["zone"])
        await stack.enter_async_context(serve_dns(zone))
        for participant in (world.participant, MIXED_CASE, REGISTERED_ONLY):
            zone.register(participant, relay.url)
        bench = Bench(sandbox, folder, zone, relay, world)
        yield await _service_group(bench)
        for case in (*cases_of(world), *changed_cases(world), *name_cases(world, relay.url)):
            yield await bench.judge(case)
        yield await _any_byte(bench)
        async for cell in _redirects(bench, phoss):
            yield cell
        async for cell in _bad_signers(bench, phoss):
            yield cell


async def _service_group(bench: Bench) -> Cell:
    """Read the group as phoss-smp sends it; that none is routed on, the other cells show."""
    started = time.monotonic()
    bench.relay.start_over()
    participant = bench.world.participant
    group = parse_service_group(await _get(bench.relay.url + group_path(participant)))
    paths = {URL(href, encoded=True).raw_path for href in group.hrefs}
    wanted = {metadata_path(participant, each) for each in bench.world.services("")}
    got = f"{group.participant} with {len(paths)} references, {len(paths & wanted)} of them right"
    expected = f"{participant} with {len(wanted)} references, {len(wanted)} of them right"
    good = got == expected
    ms = (time.monotonic() - started) * 1000
    return Cell(DIRECTION, "service group", expected, got, good, sent="GET of the group", ms=ms)


async def _any_byte(bench: Bench) -> Cell:
    """Turn one bit of a genuine answer, many times, in all that the signature covers."""
    started = time.monotonic()
    pki, participant = bench.sandbox.pki, bench.world.participant
    genuine = await _get(bench.relay.target + metadata_path(participant, INVOICE))
    anchors = Anchors.load(pki.root.certificate_der, pki.smp_ca.certificate_der)
    now = datetime.now(UTC)

    def is_accepted(answer: bytes) -> bool:
        try:
            verify_metadata(
                answer,
                check_signer=lambda der, at: check_certificate(
                    der, anchors=anchors, now=at, use=Use.SMP
                ),
                now=now,
            )
        except InvalidMetadata:
            return False
        return True

    spans = [_span(genuine, b"smp:ServiceMetadata"), _span(genuine, b"SignedInfo")]
    places = [place for start, end in spans for place in range(start, end)]
    draw = random.Random(SEED)
    accepted = []
    for place in draw.sample(places, FLIPS):
        changed = bytearray(genuine)
        changed[place] ^= 1 << draw.randrange(8)
        if is_accepted(bytes(changed)):
            accepted.append(place)
    good = is_accepted(genuine) and not accepted
    return Cell(
        DIRECTION,
        "any signed byte",
        f"the answer is accepted, and none of {FLIPS} with one bit turned",
        f"the answer is {'' if is_accepted(genuine) else 'not '}accepted,"
        f" and {len(accepted) or 'none'} of {FLIPS} with one bit turned",
        good,
        sent=f"{FLIPS} answers, seed {SEED}",
        note=f"accepted with a turned bit at {accepted[:10]}" if accepted else "",
        ms=(time.monotonic() - started) * 1000,
    )


async def _redirects(bench: Bench, phoss: Phoss) -> AsyncIterator[Cell]:
    """Name the second signer otherwise: as other programs spell it, and another one."""
    world = bench.world
    subject = world.red_publisher.subject
    spelled = world.redirect(names=other_spellings(subject))
    other = world.redirect(names=subject.rfc4514_string().replace("PSM000002", "PSM000003"))
    wrong = Refusal("invalid-metadata", "expects the signer")
    asked = (
        (spelled, "redirect, signer spelled otherwise", world.found_at_red()),
        (other, "redirect, another signer", wrong),
    )
    for content, name, outcome in asked:
        await phoss.publish(world.participant, {CREDIT_NOTE: content})
        says = f"redirected to the signer {content.certificate_uid}"
        yield await bench.judge(Case(name, says, outcome, world.participant, CREDIT_NOTE))


async def _bad_signers(bench: Bench, phoss: Phoss) -> AsyncIterator[Cell]:
    """Let an access point's certificate sign, revoke phoss-smp's own, and stop it."""
    world, pki = bench.world, bench.sandbox.pki
    untrusted = Refusal("untrusted-signer")
    access_point = issue_access_point(pki, "PBE000023", now=datetime.now(UTC))
    authorities = [pki.ap_ca.certificate, pki.root.certificate]
    async with running(bench.folder / "other", access_point, authorities) as other:
        await other.publish(world.participant, {INVOICE: world.metadata(INVOICE, BILLING)})
        bench.relay.target = other.url
        case = Case("signed by an access point", "an invoice", untrusted, world.participant)
        yield await bench.judge(case)
    unreachable = Refusal("unavailable", "refused", later=True)
    case = Case("SMP not there", "an invoice", unreachable, world.participant)
    bench.zone.register(world.participant, other.url)
    yield await bench.judge(case)
    bench.zone.register(world.participant, bench.relay.url)
    bench.relay.target = phoss.url
    bench.folder = bench.folder / "after"
    bench.folder.mkdir()
    certificate, _ = write_identity(phoss.publisher, bench.folder, "revoked")
    await bench.sandbox.revoke(certificate)
    revoked = Refusal("untrusted-signer", "revoked")
    yield await bench.judge(Case("signer revoked", "an invoice", revoked, world.participant))


def _run_here(*words: str) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        code = gateway_main(words)
    return code, json.loads(out.getvalue().splitlines()[-1])


def _told(outcome: Expected | Refusal) -> str:
    if isinstance(outcome, Expected):
        return f"found at {outcome.address}"
    return f"refused: {outcome.code}" + (f" ({outcome.says})" if outcome.says else "")


def _span(answer: bytes, name: bytes) -> tuple[int, int]:
    return answer.index(b"<" + name + b">"), answer.index(b"</" + name + b">")


async def _get(url: str) -> bytes:
    async with (
        aiohttp.ClientSession() as session,
        session.get(URL(url, encoded=True), raise_for_status=True) as answer,
    ):
        return await answer.read()


async def _alone(folder: Path) -> list[Cell]:
    made = []
    async with sandbox_running(folder / "sandbox") as sandbox:
        async for cell in cells(sandbox, folder / "phoss-smp"):
            print(line(cell), file=sys.stderr, flush=True)
            made.append(cell)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.phoss_smp", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last on stdout")
    args = parser.parse_args()
    reason = not_runnable()
    if reason is not None:
        print(f"not run: {reason}", file=sys.stderr)
        if args.json:
            print(json.dumps(summary([]) | {"not_run": reason}))
        return 0
    with tempfile.TemporaryDirectory(prefix="interop-") as name:
        folder = Path(name)
        try:
            made = asyncio.run(_alone(folder))
        finally:
            remove_network(folder / "sandbox")
    told = summary(made)
    print(json.dumps(told) if args.json else f"{told['passed']} passed, {told['failed']} failed")
    return 1 if told["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
