"""Each check of the simulation can fail: a part that is broken on purpose makes it go red."""

import re
from pathlib import Path

import pytest

from tests.simulation.invariants import CHECKED
from tests.simulation.mutants import MUTANTS
from tests.simulation.world import run_schedule

INVARIANTS = Path(__file__).parents[2] / "docs" / "INVARIANTS.md"
RED = {
    "receipt-before-commit": ("1", 1),
    "forgets-identities": ("2", 7),
    "other-bytes": ("3", 1),
    "second-identity": ("5", 1),
    "free-moves": ("6", 1),
    "no-mark": ("7", 2),
    "talkative": ("10", 1),
    "changes-wire": ("11", 1),
    "opens-anything": ("4", 1),
    "hoards": ("9", 1),
    "hurries": ("9", 2),
    "connects-anywhere": ("12", 1),
    "tells-the-step": ("13", 1),
    "lets-out": ("14", 1),
    "forgets-warnings": ("15", 1),
    "no-parents": ("17", 1),
    "no-job": ("18 rest", 1),
    "blames-the-document": ("19", 4),
    "tells-twice": ("20", 1),
    "skips-events": ("24", 1),
    "numbers-are-free": ("21", 2),
    "one-for-all": ("8", 1),
    "open-books": ("8", 1),
    "trusting": ("16", 1),
    "passes-over": ("22", 1),
    "never-stops": ("22", 1),
    "forgets-answers": ("23", 1),
    "takes-any-body": ("23", 1),
    "loses-work": ("23", 1),
}
"""The invariants that each mutant breaks, and a seed that shows it."""
SEEDS_MAX = 5
"""Another release of Python has another order of what happens at once: there a later seed may."""
SIZE = {"nodes": 2, "documents": 4, "faults": 0, "chance": 0.6, "seconds": 8.0, "again": 0.8}
QUIET = {"several": 0.0, "armed_share": 0.0, "files": 0}
ASKING = {
    "one-for-all": {"several": 1.0},
    "open-books": {"several": 1.0},
    "trusting": {"armed_share": 1.0},
    "passes-over": {"files": 1, "ended_share": 0.0},
    "never-stops": {"files": 6, "ended_share": 1.0},
}
"""What is asked beside single documents, where that is what goes wrong."""


@pytest.mark.parametrize("name", RED)
def test_a_mutant_breaks_its_invariant(databases, name):
    numbers, first = RED[name]
    asking, found = QUIET | ASKING.get(name, {}), []
    for seed in range(first, first + SEEDS_MAX):
        outcome = run_schedule(seed, databases, mutants=MUTANTS[name](), asking=asking, **SIZE)
        found.append({each.partition(":")[0] for each in outcome.violations})
        if found[-1] >= {f"invariant {number}" for number in numbers.split()}:
            return
    raise AssertionError(found)


def test_every_mutant_has_a_seed_that_shows_it():
    assert RED.keys() == MUTANTS.keys()


def test_every_check_has_a_mutant_that_fails_it():
    broken = {number for numbers, _ in RED.values() for number in numbers.split()}
    assert broken == {*CHECKED, "7"}


def test_each_invariant_is_checked():
    known = re.findall(r"^\| ([0-9]+) \|", INVARIANTS.read_text(), re.MULTILINE)
    assert {*CHECKED, "7"} - {"rest"} == set(known)
