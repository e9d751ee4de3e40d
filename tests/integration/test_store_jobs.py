"""Enqueueing inside transactions of our own, and what is forgotten."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer.domain.models import Job as PickedJob

from gateway.store.jobs import (
    DocumentRef,
    Job,
    NewJob,
    document_job,
    documents_of,
    enqueue,
    enqueue_all,
    hold_worker_lock,
    prune,
    queue_on,
    record_failure,
    release_dead_claims,
)
from tests.support.store import CLOCK, a_dossier, until


def jobs_with_keys(keys):
    return [NewJob(job=Job.SEND_DOCUMENT, payload={}, dedupe_key=key) for key in keys]


async def keys_in(database):
    async with database.exchange_statements() as xtx:
        rows = await xtx.connection.fetch("SELECT dedupe_key FROM pgqueuer ORDER BY dedupe_key")
    return [row["dedupe_key"] for row in rows]


async def test_a_dossiers_transaction_enqueues_what_follows_from_it(database):
    dossier = await a_dossier(database)
    async with database.transaction(dossier) as tx:
        await enqueue(tx, Job.SEND_DOCUMENT, {}, dedupe_key="a")
        assert await keys_in(database) == []
    assert await keys_in(database) == ["a"]


async def test_a_key_that_waits_is_skipped_without_harm_to_the_transaction(database):
    async with database.exchange() as xtx:
        assert await enqueue_all(xtx, jobs_with_keys("ba")) == 2
    async with database.exchange() as xtx:
        assert await enqueue_all(xtx, jobs_with_keys("abc")) == 1
        assert await enqueue_all(xtx, []) == 0
    assert await keys_in(database) == ["a", "b", "c"]


async def test_jobs_without_a_key_are_never_skipped(database):
    async with database.exchange() as xtx:
        for _ in range(2):
            await enqueue(xtx, Job.SEND_DOCUMENT, {})
    assert await keys_in(database) == [None, None]


async def test_keys_are_taken_in_one_order_so_that_two_transactions_cannot_deadlock(database):
    async with database.exchange() as xtx:
        await enqueue_all(xtx, jobs_with_keys("cab"))
        taken = await xtx.connection.fetch("SELECT dedupe_key FROM pgqueuer ORDER BY id")
    assert [row["dedupe_key"] for row in taken] == ["a", "b", "c"]


async def test_a_job_that_becomes_due_by_an_update_wakes_the_workers(database, dsn):
    listener = await asyncpg.connect(dsn)
    heard = asyncio.Queue()
    await listener.add_listener("ch_pgqueuer", lambda *said: heard.put_nowait(said[-1]))
    async with database.exchange_statements() as xtx:
        await enqueue(xtx, Job.SEND_DOCUMENT, {})
        assert '"insert"' in await asyncio.wait_for(heard.get(), 5)
        job = await xtx.connection.fetchrow("SELECT * FROM pgqueuer")
        await queue_on(xtx.connection).retry_job(PickedJob(**job), timedelta(0), None)
        assert '"update"' in await asyncio.wait_for(heard.get(), 5)
        await xtx.connection.execute("UPDATE pgqueuer SET status = 'picked'")
        await release_dead_claims(xtx, failures_max=2)
        assert '"update"' in await asyncio.wait_for(heard.get(), 5)
    await listener.close()


async def test_a_claim_is_dead_when_the_workers_connection_is(database, dsn):
    worker, connection = CLOCK.uuid(), await asyncpg.connect(dsn)
    await hold_worker_lock(connection, worker)
    async with database.exchange_statements() as xtx:
        await enqueue(xtx, Job.SEND_DOCUMENT, {})
        claim = "UPDATE pgqueuer SET status = 'picked', queue_manager_id = $1"
        await xtx.connection.execute(claim, worker)
        assert await release_dead_claims(xtx, failures_max=9) == 0
        await connection.close()
        await until(lambda: release_dead_claims(xtx, failures_max=9))


async def test_a_delayed_job_is_due_later(database):
    async with database.exchange() as xtx:
        await enqueue(xtx, Job.SEND_DOCUMENT, {}, delay_seconds=60)
        due = await xtx.connection.fetchval("SELECT execute_after - now() FROM pgqueuer")
    assert due == timedelta(seconds=60)


def test_a_documents_job_names_it_and_is_the_only_one_of_its_kind():
    ref = DocumentRef(CLOCK.uuid(), CLOCK.uuid())
    new = document_job(Job.SEND_DOCUMENT, ref, delay_seconds=5)
    assert new.dedupe_key == f"send_document:{ref.document_id}"
    assert new.delay_seconds == 5
    assert documents_of({"documents": [[str(ref.dossier_id), str(ref.document_id)]]}) == [ref]


async def test_only_claims_of_dead_workers_are_released_and_each_counts(database):
    async with database.exchange() as xtx:
        await enqueue_all(xtx, jobs_with_keys("ab"))
        await xtx.connection.execute(
            "UPDATE pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid()"
            " WHERE dedupe_key = 'a'"
        )
        assert await release_dead_claims(xtx, failures_max=2) == 1
        assert await release_dead_claims(xtx, failures_max=2) == 0
        status = "SELECT status::text FROM pgqueuer WHERE dedupe_key = 'a'"
        assert await xtx.connection.fetchval(status) == "queued"
        await xtx.connection.execute("UPDATE pgqueuer SET status = 'picked'")
        assert await release_dead_claims(xtx, failures_max=2) == 2
        assert await xtx.connection.fetchval(status) == "failed"


async def test_the_queue_logs_nothing_about_what_goes_well(database):
    async with database.exchange() as xtx:
        await enqueue(xtx, Job.SEND_DOCUMENT, {})
        assert await xtx.connection.fetchval("SELECT count(*) FROM pgqueuer_log") == 0


async def test_what_is_long_past_is_forgotten_and_nothing_else(database):
    now = CLOCK.now()
    async with database.exchange() as xtx:
        await enqueue(xtx, Job.SEND_DOCUMENT, {})
        job_id = await xtx.connection.fetchval("SELECT id FROM pgqueuer")
        assert await record_failure(xtx, job_id, "one") == 1
        assert await record_failure(xtx, job_id, "two") == 2
        await record_failure(xtx, job_id + 1, "gone")
        await xtx.connection.execute(
            "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
            " VALUES ($1, 'exception', 0, 'send_document', '{}')",
            job_id,
        )
        await prune(xtx, before=now - timedelta(hours=1))
        assert await xtx.connection.fetchval("SELECT count(*) FROM pgqueuer_log") == 1
        await prune(xtx, before=now + timedelta(hours=1))
        assert await xtx.connection.fetchval("SELECT count(*) FROM pgqueuer_log") == 0
        kept = await xtx.connection.fetch("SELECT job_id, reference FROM job_failures")
    assert [tuple(row) for row in kept] == [(job_id, "two")]
    assert await keys_in(database) == [None]


async def test_the_database_refuses_a_second_job_with_a_key(database):
    async with database.exchange() as xtx:
        await enqueue(xtx, Job.SEND_DOCUMENT, {}, dedupe_key="a")
    again = (
        "INSERT INTO pgqueuer (priority, entrypoint, status, dedupe_key)"
        " SELECT 0, 'x', 'queued', 'a'"
    )
    async with database.exchange_statements() as xtx:
        with pytest.raises(asyncpg.UniqueViolationError):
            await xtx.connection.execute(again)
