"""The seed corpora: small genuine inputs of each target, and every input that was a finding.

tests/fuzz/corpus/<target>/<name>
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
"""When the seeds were made, and are read."""
NAME = "x.old.test."
"""The name that the seeds among the DNS answers are about."""


@cache
def read_seed(target, name):
    """Return one input."""
    return (FOLDER / target / name).read_bytes()


def seeds_of(target):
    """Return every input of *target*, in the order of their names."""
    return sorted((FOLDER / target).iterdir())
