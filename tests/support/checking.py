"""A checker for tests: the rules of EN 16931 that are always installed, compiled once."""

import os
from functools import cache
from pathlib import Path

from gateway.clock import SystemClock
from gateway.exchange.checking import Checking
from gateway.rules.checker import Checker
from gateway.rules.shelf import Shelf
from gateway.settings import Settings

NO_PACKS = Path(os.environ.get("PEPPOL_TEST_RULES", "/nonexistent"))
"""A folder of rules without packs; of a test run, where it keeps what it compiled."""


@cache
def _checker(rules_dir: Path) -> Checker:
    """One for all tests: its processes are kept, and end with ours."""
    return Checker(Settings(rules_dir=rules_dir), Shelf(rules_dir), SystemClock())


def a_checker(rules_dir: Path = NO_PACKS) -> Checker:
    """A checker with the packs in *rules_dir*; by default none, whatever this machine has."""
    checker = _checker(rules_dir)
    # Each test has an event loop of its own, and what waits belongs to one.
    for waited_for in (checker._loading, checker._native._idle, checker._saxon._idle):
        waited_for._loop = None
    return checker


def a_checking(rules_dir: Path = NO_PACKS, **changed) -> Checking:
    """Checks with the packs in *rules_dir*, as `a_checker` does."""
    return Checking(a_checker(rules_dir), **changed)
