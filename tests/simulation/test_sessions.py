"""A session that outlasts its connection holds nothing of it."""

import random

import asyncpg
import pytest

from tests.simulation.loop import VirtualLoop

HOLDS = """
SELECT pg_backend_pid() AS pid, current_setting('lock_timeout') AS setting,
    to_regclass('half_made')::text AS made,
    (SELECT count(*) FROM pg_listening_channels()) AS channels,
    (SELECT count(*) FROM pg_locks
        WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks
"""


@pytest.fixture
def looking_twice(databases):
    """What a session holds at first, and what when its connection died over *statements*."""

    def look(*statements):
        loop = VirtualLoop(random.Random(1), databases.sessions)

        async def held():
            connection = await asyncpg.connect(databases.dsns[0])
            first = dict(await connection.fetchrow(HOLDS))
            for statement in statements:
                await connection.execute(statement)
            connection.terminate()
            connection = await asyncpg.connect(databases.dsns[0])
            second = dict(await connection.fetchrow(HOLDS))
            connection.terminate()
            return first, second

        try:
            return loop.run_until_complete(held())
        finally:
            loop.forget()

    return look


@pytest.mark.parametrize(
    "statements",
    [
        ("SET lock_timeout = '7s'",),
        ("LISTEN news",),
        ("SELECT pg_advisory_lock(7)",),
        ("BEGIN", "CREATE TABLE half_made ()"),
        ("BEGIN", "SELECT pg_advisory_xact_lock(7)"),
    ],
)
def test_a_session_is_as_new_for_the_next_connection(looking_twice, statements):
    first, second = looking_twice(*statements)
    assert first == second
    assert first["made"] is None


def test_a_statement_that_a_connection_forgets_is_let_go_without_a_word(databases):
    loop = VirtualLoop(random.Random(1), databases.sessions)

    async def asked():
        connection = await asyncpg.connect(databases.dsns[0], statement_cache_size=1)
        answers = [await connection.fetchval(f"SELECT {n} + $1::int", n) for n in range(4)]
        connection.terminate()
        return answers

    try:
        assert loop.run_until_complete(asked()) == [0, 2, 4, 6]
    finally:
        loop.forget()
