"""`make crash`: kill gateways under load, and count what was lost or doubled."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.sandbox.network import run_network
from tests.crash.rounds import Tally, open_run

NODE_SETTINGS = {"retry_first_seconds": 0.2, "retry_max_seconds": 1.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="reproduces the dice of a run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    seed = random.randrange(1 << 30) if args.seed is None else args.seed
    tally = asyncio.run(crash(args.rounds, seed))
    facts = {
        "rounds": tally.rounds,
        "acknowledged": tally.acknowledged,
        "lost": tally.lost,
        "doubled": tally.doubled,
        "late": tally.late,
        "seed": seed,
        "wrong": tally.wrong[:20],
    }
    if args.json:
        print(json.dumps(facts), flush=True)
    else:
        for name, value in facts.items():
            print(f"{name:14} {value}")
    return 0 if tally.lost == tally.doubled == 0 and tally.rounds == args.rounds else 1


async def crash(rounds: int, seed: int) -> Tally:
    """Play *rounds* rounds on a sandbox of their own."""
    with tempfile.TemporaryDirectory(prefix="peppol-crash-") as folder:
        settings = NODE_SETTINGS
        async with run_network(Path(folder), now=datetime.now(UTC), extra=settings) as network:
            run = await open_run(network, seed)
            async with run.session:
                for number in range(rounds):
                    started = time.monotonic()
                    await run.round(number)
                    say(number, rounds, run.tally, time.monotonic() - started)
                await run.recount()
            return run.tally


def say(number: int, rounds: int, tally: Tally, seconds: float) -> None:
    print(
        f"round {number + 1} of {rounds}: {seconds:.1f} s, {tally.acknowledged} acknowledged,"
        f" {tally.lost} lost, {tally.doubled} doubled, {tally.late} late",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
