"""Run a whole four-corner Peppol network on this machine, and tell a story on it.

Without --once it stays up, prints its addresses and trust files, and writes them to
FOLDER/sandbox.json; docs/SANDBOX.md says how to connect another access point to it.
"""

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
from gateway.sandbox.description import describe, remove_description, write_description
from gateway.sandbox.network import (
    PLAIN_HTTP,
    Network,
    SandboxFailed,
    remove_network,
    run_network,
)
from gateway.sandbox.stories import STORIES, sample_invoice
from gateway.sandbox.telling import Step, StoryFailed, Telling

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
    parser.add_argument(
        "--plain-http", action="store_true", help="AS4 and SMP at http addresses, without TLS"
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
    except ExceptionGroup as group:
        failed = _failure(group)
        if failed is None:
            raise
        complain(str(failed))
        if args.json:
            print_json({"story": args.story, "ok": False, "error": str(failed)})
        return EXIT_REFUSED
    finally:
        if args.folder is None:
            remove_network(folder)


def _failure(error: Exception) -> SandboxFailed | None:
    """Return the first part of the sandbox that did not start, of all that failed at once."""
    if isinstance(error, ExceptionGroup):
        return next(filter(None, map(_failure, error.exceptions)), None)
    return error if isinstance(error, SandboxFailed) else None


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
    extra = PLAIN_HTTP if args.plain_http else None
    async with run_network(folder, now=SystemClock().now(), extra=extra) as network:
        say(f"The network is up after {time.monotonic() - started:.1f} s.")
        outcome = await _tell(args.story, network, say)
        told.set()
        if args.json:
            print_json(outcome)
        if not args.once:
            await _stay_up(network, say, stopped)
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


async def _stay_up(network: Network, say: Say, stopped: asyncio.Event) -> None:
    """Say how to join *network*, and keep it up until *stopped*."""
    facts = await asyncio.to_thread(describe, network)
    # Under a number of its own: the story has sent the other one.
    (network.folder / "invoice.xml").write_bytes(sample_invoice("2026-0043"))
    described = write_description(facts)
    try:
        for line in (*_parts(facts), f"  all of this is in {described}", *_what_next(facts)):
            say(line)
        await stopped.wait()
    finally:
        remove_description(network.folder)


def _parts(facts: dict[str, Any]) -> list[str]:
    lines = ["", "The sandbox stays up until Ctrl-C. Its parts:"]
    for name in ("blue", "red"):
        corner = facts[name]
        lines += [
            f"  {name:4}  {corner['participant']}  seat {corner['seat_id']}",
            f"        AS4 {corner['as4']}   SMP {corner['smp']}",
            f"        certificate {corner['certificate']}",
            f"        API {corner['api']}   key in {corner['api_key_file']}",
        ]
    trust, stores = Path(facts["pki"]), facts["truststores"]
    names = ", ".join(Path(path).name for path in facts["certificates"].values())
    java = ", ".join(Path(stores[name]).name for name in ("ap", "smp", "tls"))
    return [
        *lines,
        f"  DNS   {facts['dns']}, zone {facts['zone']}",
        f"  trust {trust}/{names}",
        f"        for Java: {trust}/{java} (password {stores['password']})",
        f"  CRL   {', '.join(facts['crl'].values())}",
        f"  visitors register at {facts['control']}, published at {facts['visitors_smp']}",
    ]


def _what_next(facts: dict[str, Any]) -> list[str]:
    config, receiver = facts["blue"]["config"], facts["red"]["participant"]
    return [
        "",
        "Try, in another terminal:",
        f"  gateway lookup {receiver} --config {config}",
        f"  gateway ping {receiver} --config {config}",
        f"  gateway send {facts['invoice']} --to {receiver} --watch \\",
        f"      --config {config}",
        f"  gateway sandbox show red.as4 --folder {facts['folder']}",
        f"  gateway pki issue PBE000009 --pki {facts['pki']} --out peer",
        "docs/SANDBOX.md says how to connect an access point of your own.",
    ]


def _print(line: str) -> None:
    print(line, flush=True)
