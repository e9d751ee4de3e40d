"""The databases of the schedules of one module."""

import pytest

from tests.simulation.databases import Databases

NODES_MAX = 4


@pytest.fixture(scope="module")
def databases(postgres):
    made = Databases(postgres, NODES_MAX)
    yield made
    made.drop()
