"""`make differential`: what our rule engine says must be what Saxon says, of every document.

Compared are all official examples and unit cases and thousands of mutants, each by every rule set
that applies, as the full multiset of rule, severity, place and message.  It ends with 1 where the
two differ, and shows the smallest document that does, and where not all of them were compared.
PEPPOL_TEST_DATA names the folder with the official files.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from tests.rules.differential import SHOWN_MAX, Tally, run

COUNT = 20_000
TOLD_EVERY = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="make differential", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other mutants")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = os.environ.get("PEPPOL_TEST_DATA")
    if not folder:
        print("PEPPOL_TEST_DATA does not name the folder of rule files", file=sys.stderr)
        return 2
    started, progress = time.monotonic(), Progress(args.count)
    tally = run(
        Path(folder) / "rules",
        count=args.count, seed=args.seed, processes=args.processes, tell=progress,
    )  # fmt: skip
    report = sum_up(tally, args.seed, time.monotonic() - started)
    for shown in tally.shown[:SHOWN_MAX]:
        print(shown, end="\n\n", file=sys.stderr)
    if args.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:22} {value}")
    lacking = tally.lacks(args.count)
    for line in lacking:
        print(line, file=sys.stderr)
    return 1 if tally.differences or lacking else 0


class Progress:
    """Says on standard error how far it is, every few hundred mutants."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = TOLD_EVERY

    def __call__(self, tally: Tally) -> None:
        done = tally.documents["mutants"]
        if done >= self._next:
            self._next = done + TOLD_EVERY
            line = f"{done} of {self._count} mutants, {tally.differences.total()} differences"
            print(line, file=sys.stderr, flush=True)


def sum_up(tally: Tally, seed: int, seconds: float) -> dict[str, object]:
    return {
        "seed": seed,
        **{name.replace(" ", "_"): count for name, count in sorted(tally.documents.items())},
        "rule_set_runs": tally.runs,
        "findings": tally.findings,
        "rules_that_fired": len(tally.rules),
        "evaluation_errors": tally.errors,
        "crashes": tally.differences["crash"],
        "verdicts_that_differ": tally.differences["verdict"],
        "messages_that_differ": tally.differences["message"],
        "seconds": round(seconds),
    }


if __name__ == "__main__":
    sys.exit(main())
