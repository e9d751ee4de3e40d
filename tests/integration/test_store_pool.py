"""Transactions, durability, and what a server that goes away looks like from above."""

import asyncio

import asyncpg
import pytest

from gateway.errors import Unavailable
from gateway.store import embedded
from gateway.store.documents import find_document, insert_document
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.errors import NotDurable
from gateway.store.migrate import upgrade
from gateway.store.pool import Database, assert_durable
from tests.support.store import CLOCK, a_document, a_dossier, execute


async def alter(dsn, statement):
    """Run *statement* as the superuser; {name} is the database's."""
    connection = await asyncpg.connect(dsn)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(statement.format(name=name))
    await connection.close()


async def test_a_durable_server_passes(database):
    await assert_durable(database)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER DATABASE {name} SET synchronous_commit = off",
        "ALTER DATABASE {name} SET synchronous_commit = local",
        "ALTER ROLE gateway IN DATABASE {name} SET synchronous_commit = off",
        "ALTER ROLE gateway_app IN DATABASE {name} SET synchronous_commit = off",
    ],
)
async def test_a_database_that_answers_before_the_disk_is_refused(dsn, statement):
    await alter(dsn, statement)
    database = await Database.open(dsn)
    with pytest.raises(NotDurable, match="synchronous_commit") as caught:
        await assert_durable(database)
    await database.close()
    assert caught.value.setting == "synchronous_commit"


async def test_what_later_connections_would_get_counts_too(database, dsn):
    await assert_durable(database)
    await alter(dsn, "ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(NotDurable, match="set for database test_"):
        await assert_durable(database)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_could_lose_pages_is_refused(tmp_path, monkeypatch, setting):
    monkeypatch.setitem(embedded.SETTINGS, setting, "off")
    server = EmbeddedPostgres(tmp_path)
    dsn = await server.start()
    try:
        await upgrade(dsn)
        database = await Database.open(dsn)
        with pytest.raises(NotDurable, match=f"^{setting} is 'off'"):
            await assert_durable(database)
        await database.close()
    finally:
        await server.stop()


async def test_a_block_that_raises_leaves_nothing(database):
    dossier, document = await a_dossier(database), a_document()

    async def store_and_fail():
        async with database.transaction(dossier) as tx:
            await insert_document(tx, document)
            raise LookupError

    with pytest.raises(LookupError):
        await store_and_fail()
    async with database.transaction(dossier) as tx:
        assert await find_document(tx, document.id) is None


async def test_a_cancelled_block_leaves_nothing_and_a_usable_connection(dsn):
    database = await Database.open(dsn, max_size=1)
    dossier, document, stored = await a_dossier(database), a_document(), asyncio.Event()
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))

    async def store_and_wait():
        async with database.transaction(dossier) as tx:
            await insert_document(tx, document)
            stored.set()
            await tx.connection.fetch("SELECT pg_sleep(60)")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(store_and_wait())
        await stored.wait()
        task.cancel()
    async with database.transaction(dossier) as tx:
        assert await find_document(tx, document.id) is None
    # The driver would complain of a connection given back with an open transaction.
    assert complaints == []
    await database.close()


async def test_a_swallowed_failure_is_not_taken_for_a_commit(database):
    dossier, document = await a_dossier(database), a_document()

    async def store_and_swallow():
        async with database.transaction(dossier) as tx:
            await insert_document(tx, document)
            with pytest.raises(asyncpg.UniqueViolationError):
                await insert_document(tx, document)

    with pytest.raises(Unavailable, match="rolled the transaction back"):
        await store_and_swallow()


async def test_a_dossier_does_not_outlast_its_transaction(dsn):
    database = await Database.open(dsn, max_size=1)
    ours, theirs = await a_dossier(database), await a_dossier(database)
    for dossier in (ours, theirs):
        async with database.transaction(dossier) as tx:
            assert await tx.connection.fetchval("SELECT gateway_dossier()") == dossier
    async with database._app.acquire() as connection:
        assert await connection.fetchval("SELECT gateway_dossier()") is None
    await database.close()


async def test_a_connection_that_is_lost_in_a_block_is_unavailable_and_replaced(dsn):
    database = await Database.open(dsn, max_size=1)
    dossier = await a_dossier(database)

    async def lose():
        async with database.transaction(dossier) as tx:
            pid = await tx.connection.fetchval("SELECT pg_backend_pid()")
            await alter(dsn, f"SELECT pg_terminate_backend({pid}, 5000)")
            await tx.connection.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await lose()
    async with database.transaction(dossier) as tx:
        assert await tx.connection.fetchval("SELECT 1") == 1
    await database.close()


async def test_a_killed_server_is_unavailable_until_it_is_back(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    dsn = await server.start()
    try:
        await upgrade(dsn)
        database = await Database.open(dsn)
        dossier = await a_dossier(database)
        server.kill()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await execute(database, dossier, "SELECT 1")
        await server.start()
        async with database.transaction(dossier) as tx:
            assert await tx.connection.fetchval("SELECT count(*) FROM dossiers") == 1
        await database.close()
    finally:
        await server.stop()


async def test_no_server_at_all_is_unavailable(tmp_path):
    nowhere = f"postgresql://gateway@/postgres?host={tmp_path}"
    with pytest.raises(Unavailable):
        await Database.open(nowhere)
    with pytest.raises(Unavailable):
        await upgrade(nowhere)


async def test_a_statement_of_our_own_that_is_wrong_stays_a_bug(database):
    async with database.exchange_statements() as xtx:
        with pytest.raises(asyncpg.InterfaceError):
            await xtx.connection.fetch("SELECT $1::int")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await execute(database, CLOCK.uuid(), "SELEC 1")
