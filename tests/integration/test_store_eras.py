"""The feed goes on where a database is put into another cluster, or back to what it was."""

import asyncio
import subprocess

import asyncpg
import pytest

from gateway.store.binaries import choose_binaries
from gateway.store.documents import append_event, insert_document
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.eras import WIDTH, follow_cluster
from gateway.store.feed import START, Place, has_reached, read_feed
from gateway.store.pool import Database
from gateway.store.webhooks.endpoints import find_endpoint, insert_endpoint
from gateway.store.webhooks.reading import find_behind
from tests.support.store import CLOCK, NOW, a_document, a_dossier, later

LONG_AGO = later(-86_400 * 3650)


async def happen(database, dossier):
    """Let something happen to a new document; return its id."""
    document = a_document()
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        await append_event(tx, document.id, "accepted", {}, now=NOW)
    return document.id


async def read_on(database, dossier, after=START):
    """Return which documents the feed tells of behind *after*, and the place behind them."""
    async with database.transaction(dossier) as tx:
        found = await read_feed(tx, after=after, since=LONG_AGO, limit=99)
    return [each.subject_id for each in found], found[-1].place if found else after


async def owner(dsn):
    return await asyncpg.connect(dsn)


async def moved(dsn):
    """Let the database look as one that was restored into another cluster, and start on it."""
    connection = await owner(dsn)
    await connection.execute("UPDATE feed_era SET cluster = 'another'")
    await connection.close()
    assert await follow_cluster(dsn)


@pytest.fixture
async def copied(tmp_path):
    """Return what restores a dump of a database into a fresh cluster, and says its address."""
    servers = []

    async def copy(dsn):
        server = EmbeddedPostgres(tmp_path / "fresh")
        await server.start()
        servers.append(server)
        tools = choose_binaries(server.data).folder
        connection = await owner(server.dsn)
        await connection.execute("CREATE DATABASE copied")
        for role in ("gateway_app", "gateway_exchange"):
            await connection.execute(f"CREATE ROLE {role} NOLOGIN")
        await connection.close()
        target = server.dsn.replace("/postgres?", "/copied?")
        dump = await asyncio.to_thread(run, tools / "pg_dump", "--dbname", dsn)
        await asyncio.to_thread(run, tools / "psql", "-qXv", "ON_ERROR_STOP=1", target, given=dump)
        return target

    yield copy
    for server in servers:
        await server.stop()


def run(*command, given=b""):
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


async def test_a_dump_restored_into_a_fresh_cluster_loses_no_place(dsn, database, copied):
    dossier, endpoint = await a_dossier(database), CLOCK.uuid()
    connection = await owner(dsn)
    for _ in range(3000):  # the fresh cluster has counted fewer
        await connection.execute("SELECT pg_current_xact_id()")
    await connection.close()
    before = [await happen(database, dossier) for _ in range(3)]
    async with database.transaction(dossier) as tx:
        await insert_endpoint(
            tx, endpoint, url="https://a.example", description=None, event_types=[], now=NOW
        )
    seen, place = await read_on(database, dossier)
    assert seen == before

    target = await copied(dsn)
    await follow_cluster(target)

    restored = await Database.open(target)
    try:
        after = await happen(restored, dossier)
        assert await read_on(restored, dossier) == (
            [*before, after],
            (await read_on(restored, dossier, place))[1],
        )
        assert (await read_on(restored, dossier, place))[0] == [after]
        async with restored.exchange_statements() as xtx:
            assert [each.id for each in await find_behind(xtx, limit=9)] == [endpoint]
    finally:
        await restored.close()


async def test_what_happens_in_another_cluster_is_behind_all_that_was_shown(dsn, database):
    dossier = await a_dossier(database)
    before = await happen(database, dossier)
    _, place = await read_on(database, dossier)
    # A poller may have been shown what the restored state does not have any more.
    lost = Place(place.xid + 1_000_000, before, 1)
    await moved(dsn)
    after = await happen(database, dossier)
    assert (await read_on(database, dossier, lost))[0] == [after]
    assert (await read_on(database, dossier))[0] == [before, after]


async def test_an_era_begins_once_on_a_cluster_and_where_it_is_asked_for(dsn, database):
    dossier = await a_dossier(database)
    assert [await follow_cluster(dsn) for _ in range(2)] == [1, None]
    await happen(database, dossier)
    assert (await read_on(database, dossier))[1].xid // WIDTH == 1
    assert await follow_cluster(dsn, restored=True) == 2
    await happen(database, dossier)
    assert (await read_on(database, dossier))[1].xid // WIDTH == 2


async def test_of_processes_that_start_at_once_one_begins_an_era(dsn):
    begun = await asyncio.gather(*(follow_cluster(dsn) for _ in range(4)))
    assert sorted(begun, key=str) == [1, None, None, None]


async def test_who_writes_while_an_era_begins_loses_nothing(dsn, database):
    dossier = await a_dossier(database)
    seen, place, written = [], START, []

    async def write():
        written.extend([await happen(database, dossier) for _ in range(12)])

    async def begin():
        for _ in range(3):
            await follow_cluster(dsn, restored=True)

    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(write()) for _ in range(3)]
        writers.append(group.create_task(begin()))
        while not all(each.done() for each in writers):
            found, place = await read_on(database, dossier, place)
            seen += found
            await asyncio.sleep(0)
    seen += (await read_on(database, dossier, place))[0]
    assert sorted(seen) == sorted(written)


async def test_an_endpoint_keeps_its_place_over_an_era(dsn, database):
    dossier, endpoint = await a_dossier(database), CLOCK.uuid()
    async with database.transaction(dossier) as tx:
        await insert_endpoint(
            tx, endpoint, url="https://a.example", description=None, event_types=[], now=NOW
        )
        found = await find_endpoint(tx, endpoint)
    await moved(dsn)
    happened = await happen(database, dossier)
    assert (await read_on(database, dossier, found.place))[0] == [happened]


async def test_a_place_that_the_feed_has_not_reached_is_known_for_one(database):
    dossier = await a_dossier(database)
    await happen(database, dossier)
    _, place = await read_on(database, dossier)
    async with database.transaction(dossier) as tx:
        assert await has_reached(tx, START)
        assert await has_reached(tx, place)
        assert not await has_reached(tx, Place(place.xid + 1_000_000, place.document_id, 1))
