"""`gateway validate` as a person runs it: how soon the verdict on one document is there."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

RUNS = 15

_WITHOUT = {"PYTHONDONTWRITEBYTECODE", "GATEWAY_CONFIG"}


def measure(rules_dir: Path, document: bytes, *, quick: bool) -> dict[str, float]:
    """Return what a whole run on *document* takes, from its start to its end.

    A first run fills the caches: compiled rules and the narrow schema in *rules_dir*, and bytecode
    of our modules, as an installed package has it.  Median and least of the others are returned.
    """
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: text for name, text in os.environ.items() if name not in _WITHOUT}
        environ["PYTHONPYCACHEPREFIX"] = folder
        path = Path(folder) / "document.xml"
        path.write_bytes(document)
        words = ["validate", "--rules-dir", str(rules_dir), str(path)]
        command = [sys.executable, "-m", "gateway", *words]
        _run(command, environ)
        runs = [_run(command, environ) for _ in range(RUNS // 3 if quick else RUNS)]
    walls, cpus = zip(*runs, strict=True)
    return {
        "seconds": round(statistics.median(walls), 3),
        "least_seconds": round(min(walls), 3),
        "least_cpu_seconds": round(min(cpus), 3),
    }


def _run(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Run *command*; return its seconds by the clock, and those of CPU."""
    before = _cpu_of_children()
    started = time.monotonic()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.monotonic() - started, _cpu_of_children() - before


def _cpu_of_children() -> float:
    times = psutil.Process().cpu_times()
    return times.children_user + times.children_system
