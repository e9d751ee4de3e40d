"""`make bench`: CPU per message beside the floor of the same run, memory and start-up.

The area phase4 puts the same beside phase4, and is left out where Java or Maven is missing.
The area rules puts checking a document beside Saxon.
The area api needs some 12 GB of free disk for its longest lists, unless --quick is given.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.bench import api, memory, phase4, rules, served, webhooks
from tests.bench.parallel import processes_2_over_1
from tests.bench.process import resident_mib
from tests.interop.phase4 import missing

SIZES = {"8k": 8_000, "100k": 100_000}
REACH = {
    "inbound_memory_8k": 1.9, "inbound_memory_100k": 1.9, "inbound_commit_8k": 2.8,
    "inbound_commit_100k": 2.8, "outbound_8k": 1.9, "outbound_100k": 1.9,
}  # fmt: skip
"""The largest ratio to the floor that we want to see."""
REACH_PHASE4 = {"receive_8k": 8, "send_8k": 8}
"""The least ratio of phase4's CPU to ours that we want to see."""
REACHES = {"as4": REACH, "phase4": REACH_PHASE4, "rules": rules.REACH}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer batches: figures vary more")
    parser.add_argument("--only", choices=sorted(AREAS), help="measure one area alone")
    args = parser.parse_args()
    chosen = {name: measure for name, measure in AREAS.items() if args.only in (None, name)}
    measured = {name: measure(quick=args.quick) for name, measure in chosen.items()}
    report = {name: figures for name, figures in measured.items() if figures is not None}
    if args.json:
        print(json.dumps(report), flush=True)
    else:
        for area, figures in report.items():
            show(area, figures)
    return 0


def measure_as4(*, quick: bool) -> dict[str, Any]:
    """The area as4: receiving and sending, in memory and with the commit."""
    say("in memory")
    figures: dict[str, Any] = dict(memory.measure(SIZES, rounds=2 if quick else memory.ROUNDS))
    say("two processes beside one")
    parallel = processes_2_over_1(3 if quick else 16)
    figures["processes_2_over_1"] = parallel.pop("ratio")
    figures["processes"] = parallel
    figures.update(asyncio.run(_served(quick=quick)))
    return figures


async def _served(*, quick: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    say("starting a gateway")
    async with served.running() as (network, peer, pid):
        await asyncio.sleep(2)
        figures["idle_rss_mib"] = round(resident_mib(pid), 1)
        for label, size in SIZES.items():
            say(f"over HTTP with the commit, {label}")
            figures[f"inbound_commit_{label}"] = await served.inbound_commit(
                network, peer, pid, size=size,
                messages=150 if quick else 600, batches=2 if quick else 7,
            )  # fmt: skip
        say("one message of 100 MB")
        figures.update(await served.large_message(network, peer, pid))
        say("a second start on the same data")
        await network.red.stop()
        started = time.monotonic()
        await network.red.start()
        figures["startup_seconds"] = round(time.monotonic() - started, 2)
    return figures


def measure_phase4(*, quick: bool) -> dict[str, Any] | None:
    """The area phase4: both receive and send the same; None where it cannot be run."""
    lacking = missing()
    if lacking is not None:
        print(f"bench: the area phase4 is left out: {lacking}", file=sys.stderr, flush=True)
        return None
    return phase4.measure(SIZES, quick=quick, say=say)


def measure_rules(*, quick: bool) -> dict[str, Any]:
    """The area rules: our rule engine beside Saxon, and reading into the model."""
    return rules.measure(quick=quick, say=say)


def measure_webhooks(*, quick: bool) -> dict[str, Any]:
    """The area webhooks: how fast events are read and told."""
    return webhooks.measure(quick=quick, say=say)


def measure_api(*, quick: bool) -> dict[str, Any]:
    """The area api: documents accepted, and pages of lists however long they are."""
    return api.measure(quick=quick, say=say)


AREAS: dict[str, Callable[..., dict[str, Any] | None]] = {
    "as4": measure_as4,
    "phase4": measure_phase4,
    "rules": measure_rules,
    "webhooks": measure_webhooks,
    "api": measure_api,
}
TITLES = {
    "as4": "CPU milliseconds per message beside the bare cryptography of the same run",
    "phase4": "CPU milliseconds per message, ours with PostgreSQL and phase4's without any",
    "rules": "CPU milliseconds per document checked, ours beside Saxon with the same rule files",
    "webhooks": "events read from the feed and told to endpoints, on this machine's cores",
    "api": "CPU milliseconds per document accepted, and milliseconds of a page by documents",
}


def show(area: str, figures: dict[str, Any]) -> None:
    print(f"{area}: {TITLES[area]}")
    for name, value in figures.items():
        if isinstance(value, dict):
            reach = REACHES.get(area, {})
            wanted = f"   (reach {reach[name]})" if name in reach else ""
            row = "  ".join(f"{key} {figure}" for key, figure in value.items())
            print(f"  {name:22} {row}{wanted}")
        else:
            print(f"  {name:22} {value}")


def say(text: str) -> None:
    print(f"bench: {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
