"""A handful of schedules; `make simulate` plays as many as wanted."""

import pytest

from tests.simulation.world import run_schedule

NODES = 4
SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_schedule_breaks_an_invariant(databases, seed):
    outcome = run_schedule(seed, databases, nodes=NODES, documents=6, faults=6)
    assert outcome.violations == []
    assert outcome.statuses["in delivered"] > 0


def test_the_same_seed_gives_the_same_trace(databases):
    size = {"nodes": NODES, "documents": 5, "faults": 6, "seconds": 12.0}
    databases.sessions.close()  # the second run finds sessions that know its statements
    first, second = (run_schedule(4, databases, **size) for _ in range(2))
    assert first.trace == second.trace
    assert first.trace
