"""`gateway demo`: a whole four-corner Peppol network on this machine, and a story told on it."""

import argparse
import asyncio
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    EXIT_USAGE,
    Progress,
    add_json,
    complain,
    print_json,
)
from gateway.sandbox.network import Network, SandboxFailed, remove_network, run_network
from gateway.sandbox.stories import STORIES, Step, StoryFailed, Telling, sample_invoice

Say = Callable[[str], None]

SUMMARY = "run a four-corner Peppol network on loopback and send a real invoice through it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `demo`."""
    parser.add_argument("--once", action="store_true", help="tell the story once and end")
    parser.add_argument(
        "--story", choices=sorted(STORIES), default="message", help="which story to tell"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep keys, settings and data here (default: a temporary one)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Start the network, tell the story, and stay up unless `--once`; return the exit code."""
    if args.folder is not None and args.folder.exists() and any(args.folder.iterdir()):
        complain(f"{args.folder} is not empty; choose a new folder")
        return EXIT_USAGE
    folder = args.folder or Path(tempfile.mkdtemp(prefix="peppol-sandbox-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return asyncio.run(_demo(args, folder.resolve()))
    except SandboxFailed as error:
        complain(str(error))
        if args.json:
            print_json({"story": args.story, "ok": False, "error": str(error)})
        return EXIT_REFUSED
    finally:
        if args.folder is None:
            remove_network(folder)


async def _demo(args: argparse.Namespace, folder: Path) -> int:
    stopped, told = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    say = Progress(args).say if args.json else _print
    say("Starting blue, red, DNS and PostgreSQL ...")
    async with asyncio.TaskGroup() as group:
        work = group.create_task(_told(args, folder, say, stopped, told))
        watch = group.create_task(stopped.wait())
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            say("Stopping ...")
            # Once the story is told it ends by itself, and what it stops must not be cut short.
            if not told.is_set():
                work.cancel()
        watch.cancel()
    if work.cancelled():
        return EXIT_REFUSED if args.once else EXIT_DONE
    return work.result()


async def _told(
    args: argparse.Namespace,
    folder: Path,
    say: Say,
    stopped: asyncio.Event,
    told: asyncio.Event,
) -> int:
    started = time.monotonic()
    async with run_network(folder, now=SystemClock().now()) as network:
        say(f"The network is up after {time.monotonic() - started:.1f} s.")
        outcome = await _tell(args.story, network, say)
        told.set()
        if args.json:
            print_json(outcome)
        if not args.once:
            (folder / "invoice.xml").write_bytes(sample_invoice())
            for line in _what_next(network):
                say(line)
            await stopped.wait()
        return EXIT_DONE if outcome["ok"] else EXIT_REFUSED


async def _tell(name: str, network: Network, say: Say) -> dict[str, Any]:
    """Tell the story called *name*; return its outcome as the demo prints it."""

    def heard(step: Step) -> None:
        say(f"  {step.ms:8.1f} ms  {step.name}")

    telling = Telling(heard)
    started = time.monotonic()
    error: str | None = None
    try:
        await STORIES[name](network, telling)
    except StoryFailed as failure:
        error = str(failure)
        say(f"  failed: {error}")
    seconds = round(time.monotonic() - started, 3)
    facts = {"delivered": False, "receipt_verified": False, **telling.facts}
    ok = error is None and facts["delivered"] and facts["receipt_verified"]
    if ok:
        say(f"Delivered, and the receipt was verified, in {seconds} s.")
    return {
        "story": name,
        "ok": ok,
        **facts,
        "steps": [{"name": step.name, "ms": step.ms} for step in telling.steps],
        "seconds": seconds,
        **({"error": error} if error else {}),
    }


def _what_next(network: Network) -> list[str]:
    blue, red = network.corners()
    trust = network.folder / "pki"
    host, port = network.locator.address
    lines = ["", "The sandbox stays up until Ctrl-C. Its parts:"]
    for corner in network.corners():
        lines += [
            f"  {corner.role.name:4}  {corner.role.participant.value}  seat {corner.role.seat_id}",
            f"        AS4 {corner.as4_url}   SMP {corner.smp_url}",
            f"        API {corner.api_url}   key in {corner.folder / 'data' / 'api-key'}",
        ]
    return [
        *lines,
        f"  DNS   {host}:{port}, zone {network.locator.zone}",
        f"  trust {trust}/root.cert.pem, ap-ca.cert.pem, smp-ca.cert.pem, tls-ca.cert.pem",
        "",
        "Try, in another terminal:",
        f"  gateway lookup {red.role.participant.value} --config {blue.config}",
        f"  gateway ping {red.role.participant.value} --config {blue.config}",
        f"  gateway send {network.folder}/invoice.xml --to {red.role.participant.value} --watch \\",
        f"      --config {blue.config}",
        f"  gateway pki issue PBE000009 --pki {trust} --out peer",
    ]


def _print(line: str) -> None:
    print(line, flush=True)
