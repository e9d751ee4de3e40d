"""`make crash`: kill gateways and databases under load; count what was lost, doubled or changed."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.sandbox.network import run_network
from tests.crash.book import ROUTES
from tests.crash.rounds import Run, open_run

NODE_SETTINGS = {"retry_first_seconds": 0.2, "retry_max_seconds": 2.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="reproduces the dice of a run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    seed = random.randrange(1 << 30) if args.seed is None else args.seed
    facts = asyncio.run(crash(args.rounds, seed)) | {"seed": seed}
    if args.json:
        print(json.dumps(facts), flush=True)
    else:
        for name, value in facts.items():
            print(f"{name:14} {value}")
    return 0 if is_whole(facts) and facts["rounds"] == args.rounds else 1


def is_whole(facts: dict[str, Any]) -> bool:
    """Say whether everything that was promised was kept, and every route promised something."""
    webhooks = facts["webhooks"]
    return (
        not any(facts[name] for name in ("lost", "doubled", "orphans", "refused", "changed"))
        and webhooks["unstable"] == 0
        and webhooks["arrived"] == webhooks["wanted"] > 0
        and set(ROUTES) <= facts["answered"].keys()
    )


async def crash(rounds: int, seed: int) -> dict[str, Any]:
    """Play *rounds* rounds on a sandbox of their own; return what was counted."""
    with tempfile.TemporaryDirectory(prefix="peppol-crash-") as folder:
        settings = NODE_SETTINGS
        async with (
            run_network(Path(folder), now=datetime.now(UTC), extra=settings) as network,
            open_run(network, seed) as run,
        ):
            for number in range(rounds):
                started = time.monotonic()
                await run.round(number)
                say(number, rounds, run, time.monotonic() - started)
            await run.recount()
            return run.facts()


def say(number: int, rounds: int, run: Run, seconds: float) -> None:
    tally, software = run.tally, run.software
    print(
        f"round {number + 1} of {rounds}: {seconds:.1f} s,"
        f" {tally.acknowledged} acknowledged ({tally.late} late),"
        f" {software.answered().total()} answered, {software.arrived} webhooks,"
        f" {tally.lost + software.count('lost')} lost,"
        f" {tally.doubled + software.count('doubled')} doubled",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
