"""`make bench`: CPU per message beside the floor of the same run, memory and start-up."""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from tests.bench import memory, served
from tests.bench.parallel import processes_2_over_1
from tests.bench.process import resident_mib

SIZES = {"8k": 8_000, "100k": 100_000}
REACH = {
    "inbound_memory_8k": 1.9, "inbound_memory_100k": 1.9, "inbound_commit_8k": 2.8,
    "inbound_commit_100k": 2.8, "outbound_8k": 1.9, "outbound_100k": 1.9,
}  # fmt: skip
"""The largest ratio to the floor that we want to see."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer batches: figures vary more")
    parser.add_argument("--only", choices=sorted(AREAS), help="measure one area alone")
    args = parser.parse_args()
    report = {
        name: measure(quick=args.quick)
        for name, measure in AREAS.items()
        if args.only in (None, name)
    }
    if args.json:
        print(json.dumps(report), flush=True)
    else:
        for area, figures in report.items():
            show(area, figures)
    return 0


def measure_as4(*, quick: bool) -> dict[str, Any]:
    """The area as4: receiving and sending, in memory and with the commit."""
    figures: dict[str, Any] = {}
    batches = 5 if quick else 11
    for label, size in SIZES.items():
        sbd = memory.an_envelope_of(size)
        say(f"in memory, {label}")
        figures[f"inbound_memory_{label}"] = memory.inbound(sbd, batches=batches)
        figures[f"outbound_{label}"] = memory.outbound(sbd, batches=batches)
    say("two processes beside one")
    parallel = processes_2_over_1(1 if quick else 3)
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
                messages=300 if quick else 600, batches=3 if quick else 7,
            )  # fmt: skip
        say("one message of 100 MB")
        figures.update(await served.large_message(network, peer, pid))
        say("a second start on the same data")
        await network.red.stop()
        started = time.monotonic()
        await network.red.start()
        figures["startup_seconds"] = round(time.monotonic() - started, 2)
    return figures


AREAS = {"as4": measure_as4}


def show(area: str, figures: dict[str, Any]) -> None:
    print(f"{area}: CPU milliseconds per message beside the bare cryptography of the same run")
    for name, value in figures.items():
        if isinstance(value, dict):
            wanted = f"   (reach {REACH[name]})" if name in REACH else ""
            row = "  ".join(f"{key} {figure}" for key, figure in value.items())
            print(f"  {name:22} {row}{wanted}")
        else:
            print(f"  {name:22} {value}")


def say(text: str) -> None:
    print(f"bench: {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
