"""`make fuzz`: feed each target with inputs that reach new branches, and keep what breaks it.

The run fails on a finding, and on a target that had too little time to say anything.  The input of
a finding is written to a file: try it alone with `python -m tests.fuzz.child NAME FILE`, and make
it a test by moving it into `tests/fuzz/corpus/NAME`.
"""

import argparse
import importlib.util
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.corpora import FOLDER
from tests.fuzz.edits import EDIT_BYTES, EDITS_MAX

SHARES = {"mime": 1, "soap": 2, "signal": 1, "sbdh": 2, "smp": 1, "dns": 1, "dump": 1, "gzip": 1,
          "sealed": 4}  # fmt: skip
"""The targets, and how much of the time each takes: the slower it is, the more."""
LENGTHS = {"sealed": 1 + EDITS_MAX * EDIT_BYTES, "dns": 512, "mime": 2048}
EXECUTIONS_MIN = 200
INPUT_SECONDS_MAX = 10
MEMORY_MB_MAX = 1024
WORDS = FOLDER.parent / "words.dict"
_RUNS = re.compile(r"stat::number_of_executed_units: (\d+)")
_BRANCHES = re.compile(r"^#\d+\s+[A-Za-z]+\s+cov: (\d+)", re.MULTILINE)
_ERROR = re.compile(r"=== Uncaught Python exception: ===\n(.*)")
_FRAME = re.compile(r'File ".*/(\w+/\w+\.py)", line (\d+), in (\w+)')
_LIBFUZZER = re.compile(r"ERROR: (libFuzzer: .*)")


def main():
    args = _parser().parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("NOT RUN: atheris has no wheel for this machine; make test runs the corpora")
        return 0
    seed = random.randrange(1, 1 << 30) if args.seed is None else args.seed
    args.findings.mkdir(parents=True, exist_ok=True)
    names = args.target or list(SHARES)
    second = args.seconds / sum(SHARES[name] for name in names)
    begun = time.monotonic()
    facts = {"seed": seed, "executions": 0, "targets": {}, "findings": [], "starved": []}
    for name in names:
        found = _fuzz(name, max(1, round(second * SHARES[name])), seed, args.findings)
        print(f"{name}: {found}", file=sys.stderr, flush=True)
        facts["findings"] += found.pop("findings")
        facts["targets"][name] = found
        facts["executions"] += found["executions"]
    facts["starved"] = [
        name for name in names if facts["targets"][name]["executions"] < EXECUTIONS_MIN
    ]
    facts["seconds"] = round(time.monotonic() - begun, 1)
    _tell(facts, as_json=args.json)
    return 1 if facts["findings"] or facts["starved"] else 0


def _parser():
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="for all targets together")
    parser.add_argument("--seed", type=int, default=None, help="reproduces the dice of a run")
    parser.add_argument("--target", nargs="+", choices=SHARES, help="those alone")
    parser.add_argument("--findings", type=Path, default=Path(".data/fuzz"), help="a folder")
    parser.add_argument("--json", action="store_true")
    return parser


def _fuzz(name, seconds, seed, folder):
    """Run one target in a process of its own; say what it did and what it found."""
    before = set(folder.iterdir())
    with tempfile.TemporaryDirectory(prefix="peppol-fuzz-") as grown:
        options = [
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            f"-timeout={INPUT_SECONDS_MAX}",
            f"-rss_limit_mb={MEMORY_MB_MAX}",
            f"-dict={WORDS}",
            f"-artifact_prefix={folder}/{name}-",
            "-print_final_stats=1",
        ]
        if name in LENGTHS:
            options += [f"-max_len={LENGTHS[name]}", "-len_control=0"]
        command = [sys.executable, "-m", "tests.fuzz.child", name, *options]
        done = subprocess.run(
            [*command, grown, FOLDER / name], check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
    said = done.stdout
    branches = [int(each) for each in _BRANCHES.findall(said)] or [0]
    runs = _RUNS.search(said)
    files = sorted(set(folder.iterdir()) - before)
    findings = [{"target": name, "file": str(path), "error": _error(said)} for path in files]
    if done.returncode and not findings:
        findings = [{"target": name, "file": None, "error": _error(said)}]
    return {
        "executions": int(runs[1]) if runs else 0,
        "branches": branches[-1],
        "new_branches": branches[-1] - branches[0],
        "findings": findings,
    }


def _error(said):
    """Return what the log *said* tells of the end: the error and where it was raised."""
    raised = _ERROR.search(said)
    if raised:
        frames = _FRAME.findall(said, raised.end())
        return f"{raised[1]} in {' '.join(frames[-1])}" if frames else raised[1]
    found = _LIBFUZZER.search(said)
    return found[1] if found else said.strip().rpartition("\n")[2]


def _tell(facts, *, as_json):
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    for name, found in facts["targets"].items():
        print(f"{name:8}" + "".join(f"  {value:8} {word}" for word, value in found.items()))
    for finding in facts["findings"]:
        print(f"FOUND in {finding['target']}: {finding['error']}: {finding['file']}")
    for name in facts["starved"]:
        print(f"STARVED: {name} ran fewer than {EXECUTIONS_MIN} inputs")
    print(f"seed {facts['seed']}, {facts['executions']} executions in {facts['seconds']} s")


if __name__ == "__main__":
    sys.exit(main())
