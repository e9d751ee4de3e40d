"""The receiving writer: batches form by themselves, bounds hold, and an outage is not the end."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway.errors import Unavailable
from gateway.exchange import writer as module
from gateway.exchange.writer import BatchWriter
from gateway.store.messages import Outcome, receive_batch
from tests.support.store import a_dossier, an_inbound_row


@asynccontextmanager
async def running(writer):
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


async def put_all(writer, rows):
    async with asyncio.TaskGroup() as group:
        puts = [group.create_task(writer.put(row)) for row in rows]
    return [put.result() for put in puts]


@pytest.fixture
def batches(monkeypatch):
    """The sizes of the batches that are stored."""
    sizes = []

    async def counted(xtx, rows):
        sizes.append(len(rows))
        return await receive_batch(xtx, rows)

    monkeypatch.setattr(module, "receive_batch", counted)
    return sizes


async def test_what_waits_is_committed_together(database, batches):
    dossier = await a_dossier(database)
    writer = BatchWriter(database)
    async with running(writer):
        outcomes = await put_all(writer, [an_inbound_row(dossier) for _ in range(40)])
    assert set(outcomes) == {Outcome.STORED}
    assert sum(batches) == 40
    assert len(batches) <= 2


async def test_a_batch_is_bounded_in_rows_and_bytes(database, batches, monkeypatch):
    dossier = await a_dossier(database)
    monkeypatch.setattr(module, "BATCH_ROWS_MAX", 4)
    writer = BatchWriter(database)
    async with running(writer):
        await put_all(writer, [an_inbound_row(dossier) for _ in range(10)])
    assert max(batches) == 4
    batches.clear()
    monkeypatch.setattr(module, "BATCH_BYTES_MAX", 150)
    rows = [an_inbound_row(dossier, wire=bytes(60), wire_length=60) for _ in range(10)]
    writer = BatchWriter(database)
    async with running(writer):
        await put_all(writer, rows)
    assert max(batches) == 2


async def test_each_row_of_a_batch_has_its_own_outcome(database):
    dossier = await a_dossier(database)
    row = an_inbound_row(dossier)
    other = an_inbound_row(dossier, message_id=row.message_id)
    writer = BatchWriter(database)
    async with running(writer):
        outcomes = await put_all(writer, [row, an_inbound_row(dossier), other])
    assert outcomes == [Outcome.STORED, Outcome.STORED, Outcome.CONFLICT]


async def test_a_failing_commit_fails_its_whole_batch_and_the_next_one_works(database):
    dossier = await a_dossier(database)
    good, poison = an_inbound_row(dossier), an_inbound_row(dossier, sender="\0")
    writer = BatchWriter(database)
    async with running(writer):
        async with asyncio.TaskGroup() as group:
            puts = [group.create_task(refused(writer, row)) for row in (good, poison)]
        assert all(put.result() for put in puts)
        assert await writer.put(good) is Outcome.STORED


async def test_lost_connections_are_made_again(database, postgres):
    dossier = await a_dossier(database)
    writer = BatchWriter(database)
    async with running(writer):
        assert await writer.put(an_inbound_row(dossier)) is Outcome.STORED
        await end_connections(postgres, database)
        row = an_inbound_row(dossier)
        for _ in range(3):
            try:
                outcome = await writer.put(row)
                break
            except Unavailable:
                continue
        assert outcome is Outcome.STORED


async def test_a_full_queue_sends_the_next_one_away(database, monkeypatch):
    monkeypatch.setattr(module, "QUEUE_ROWS_MAX", 1)
    dossier = await a_dossier(database)
    writer = BatchWriter(database)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(writer.put(an_inbound_row(dossier)))
        await asyncio.sleep(0)  # it waits: the call that takes it has not begun
        with pytest.raises(Unavailable, match="too many"):
            await writer.put(an_inbound_row(dossier))
        async with running(writer):
            assert await waiting is Outcome.STORED


async def test_at_the_end_what_is_queued_is_written_and_nothing_more_is_taken(database):
    dossier = await a_dossier(database)
    writer = BatchWriter(database)
    async with asyncio.TaskGroup() as group:
        puts = [group.create_task(writer.put(an_inbound_row(dossier))) for _ in range(5)]
        await asyncio.sleep(0)
        async with running(writer):
            pass
    assert {put.result() for put in puts} == {Outcome.STORED}
    with pytest.raises(Unavailable, match="stopping"):
        await writer.put(an_inbound_row(dossier))


async def refused(writer, row):
    try:
        await writer.put(row)
    except Unavailable:
        return True
    return False


async def end_connections(postgres, database):
    """End all connections of the database, as a restart of the server would."""
    import asyncpg

    connection = await asyncpg.connect(postgres.postgres.dsn)
    try:
        name = database.dsn.rpartition("/")[2].partition("?")[0]
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
    finally:
        await connection.close()
