"""Whatever a gateway could keep is met on the walk through its objects."""

from types import SimpleNamespace

import pytest

from smp.cache import Cache
from tests.simulation.bounds import find_large, kept_by

NODE = dict.fromkeys(("parts", "inbound", "publisher", "server", "worker", "dispatcher"))


class Careless:
    """Something of ours that keeps what it is told."""

    __module__ = "gateway.careless"

    def __init__(self, kept):
        self._kept = kept

    def call(self):
        """Be called: who is told of the method holds what it belongs to."""


@pytest.mark.parametrize("kept", [{}, [], set()])
def test_a_container_without_a_bound_is_a_violation(kept):
    node = SimpleNamespace(**NODE | {"parts": Careless(kept)})
    assert list(find_large(node)) == ["Careless._kept has no bound"]


def test_a_container_beyond_its_bound_is_a_violation():
    cache = Cache(entries_max=1, weight_max=1)
    cache._entries.update({1: None, 2: None})
    node = SimpleNamespace(**NODE | {"inbound": Careless(cache)})
    assert list(find_large(node)) == ["Cache._entries has 2 entries, more than it may"]


@pytest.mark.parametrize(
    "hidden",
    [
        lambda found: [found],
        lambda found: {"deep": (found,)},
        lambda found: lambda: found,
        lambda found: found.call,
    ],
)
def test_the_walk_goes_through_containers_and_functions(hidden):
    inner = Careless([])
    owners = [owner for owner, _, _ in kept_by(Careless(hidden(inner)))]
    assert inner in owners
