"""The log tells of a transaction that holds the feeds up, and of nothing else."""

import logging

import asyncpg
import pytest

from gateway.webhooks.horizon import AGAIN_SECONDS, STANDS_SECONDS, HorizonWatch


class Seconds:
    """A clock that is set by the test."""

    def __init__(self):
        self.passed = 0.0

    def monotonic(self):
        return self.passed


@pytest.fixture
async def writer(dsn):
    """A connection with a transaction that has written and goes on; another is over since then."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("BEGIN; SELECT pg_current_xact_id()")
    await write(dsn)
    yield connection
    await connection.close()


async def looked(watch, clock, *instants):
    for clock.passed in instants:
        await watch.look()


async def write(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("SELECT pg_current_xact_id()")
    await connection.close()


async def test_a_transaction_that_writes_for_long_is_told_now_and_then(database, writer, caplog):
    clock = Seconds()
    watch = HorizonWatch(database, clock)
    with caplog.at_level(logging.WARNING):
        await looked(watch, clock, 0, STANDS_SECONDS - 1)
        assert caplog.records == []
        await looked(watch, clock, STANDS_SECONDS, STANDS_SECONDS + 5)
        await looked(watch, clock, STANDS_SECONDS + AGAIN_SECONDS)
        await writer.execute("COMMIT")
        await looked(watch, clock, 1000, 2000, 3000)
    told = [(each.code, each.seconds) for each in caplog.records]
    assert told == [("events-held-up", 10), ("events-held-up", 70)]


async def test_a_feed_in_which_nothing_happens_is_not_held_up(database, dsn, caplog):
    clock = Seconds()
    watch = HorizonWatch(database, clock)
    with caplog.at_level(logging.WARNING):
        await looked(watch, clock, *range(0, 600, 5))
        for _ in range(3):
            await write(dsn)
            await looked(watch, clock, clock.passed + 600)
    assert caplog.records == []
