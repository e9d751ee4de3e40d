from datetime import UTC, datetime, timedelta

from smp.cache import Cache

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def a_cache(*, entries_max=10, weight_max=100):
    return Cache(entries_max=entries_max, weight_max=weight_max)


def test_entry_ends_after_its_seconds():
    cache = a_cache()
    cache.keep("a", 1, now=NOW, seconds=60)
    assert cache.find("a", now=NOW + timedelta(seconds=59)) == 1
    assert cache.find("a", now=NOW + timedelta(seconds=60)) is None
    assert len(cache) == 0


def test_entry_unused_for_longest_makes_room():
    cache = a_cache(entries_max=2)
    cache.keep("a", 1, now=NOW, seconds=60)
    cache.keep("b", 2, now=NOW, seconds=60)
    cache.find("a", now=NOW)
    cache.keep("c", 3, now=NOW, seconds=60)
    assert [cache.find(key, now=NOW) for key in "abc"] == [1, None, 3]


def test_weights_are_bounded_together():
    cache = a_cache(weight_max=100)
    cache.keep("a", 1, now=NOW, seconds=60, weight=60)
    cache.keep("b", 2, now=NOW, seconds=60, weight=40)
    cache.keep("c", 3, now=NOW, seconds=60, weight=1)
    assert [cache.find(key, now=NOW) for key in "abc"] == [None, 2, 3]


def test_what_is_heavier_than_the_bound_is_not_kept():
    cache = a_cache(weight_max=100)
    cache.keep("a", 1, now=NOW, seconds=60, weight=101)
    assert cache.find("a", now=NOW) is None


def test_replaced_and_forgotten_entries_give_back_their_weight():
    cache = a_cache(weight_max=100)
    for _ in range(5):
        cache.keep("a", 1, now=NOW, seconds=60, weight=90)
    cache.forget("a")
    cache.forget("a")
    cache.keep("b", 2, now=NOW, seconds=60, weight=90)
    cache.keep("c", 3, now=NOW, seconds=60, weight=10)
    assert [cache.find(key, now=NOW) for key in "bc"] == [2, 3]


def test_ended_entry_gives_back_its_weight():
    cache = a_cache(weight_max=100)
    cache.keep("a", 1, now=NOW, seconds=1, weight=90)
    later = NOW + timedelta(seconds=2)
    cache.find("a", now=later)
    cache.keep("b", 2, now=later, seconds=60, weight=60)
    cache.keep("c", 3, now=later, seconds=60, weight=40)
    assert [cache.find(key, now=later) for key in "bc"] == [2, 3]
