"""`make simulate`: play schedules of a simulated network, and say what broke."""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.simulation.many import play
from tests.simulation.mutants import MUTANTS

HASH_SEED = "0"
"""Sets of text have an order of their own in each process, unless they are told."""


def main():
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    args = _parser().parse_args()
    first = random.randrange(1 << 30) if args.seed is None else args.seed
    begun = time.monotonic()
    outcomes = list(_play(range(first, first + args.schedules), args))
    facts = _facts(outcomes, first, time.monotonic() - begun)
    facts["traces"] = [_write_trace(args.traces, each) for each in outcomes if each.violations]
    if args.json:
        print(json.dumps(facts), flush=True)
    else:
        for name, value in facts.items():
            print(f"{name:22} {value}")
    return 1 if facts["violations"] else 0


def _parser():
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--schedules", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None, help="of the first schedule")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=None, help="begin none after so many")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="break a part on purpose")
    parser.add_argument("--traces", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", action="store_true")
    return parser


def _play(seeds, args):
    """Yield how each schedule ended, in the order in which they do."""
    with tempfile.TemporaryDirectory(prefix="peppol-simulated-") as folder:
        for outcome in play(
            seeds, folder, processes=args.processes, mutant=args.mutant, seconds=args.seconds
        ):
            _say(outcome)
            yield outcome


def _facts(outcomes, first, seconds):
    return {
        "schedules": len(outcomes),
        "first_seed": first,
        "per_minute": round(len(outcomes) * 60 / seconds, 1),
        "virtual_seconds": round(sum(each.seconds for each in outcomes)),
        "documents": dict(sum((each.statuses for each in outcomes), Counter())),
        "faults": dict(sum((each.faults for each in outcomes), Counter()).most_common()),
        "violations": [
            f"seed {each.seed}: {violation}" for each in outcomes for violation in each.violations
        ],
    }


def _write_trace(folder, outcome):
    path = folder / f"simulation-{outcome.seed}.trace"
    path.write_text("\n".join(outcome.trace) + "\n")
    return str(path)


def _say(outcome):
    said = f"{len(outcome.violations)} VIOLATIONS" if outcome.violations else "holds"
    print(f"seed {outcome.seed}: {said}, {outcome.steps} steps", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
