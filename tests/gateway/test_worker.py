"""The worker against a real queue: dispatch, retries, giving up, stopping, dead workers."""

import asyncio
import logging

import asyncpg
import pytest

from gateway import worker as worker_module
from gateway.errors import Unavailable
from gateway.store.jobs import DocumentRef, Job, documents_of, enqueue
from gateway.store.messages import receive_batch
from gateway.worker import Worker
from tests.support.store import a_dossier, an_inbound_row, until
from tests.support.workers import CLOCK, enqueue_one, failures, jobs, running


async def test_a_job_reaches_its_handler_with_its_payload_and_is_gone(database):
    seen = asyncio.Queue()
    async with running(database, {Job.SEND_DOCUMENT: seen.put}):
        await enqueue_one(database, {"documents": []})
        assert await asyncio.wait_for(seen.get(), 10) == {"documents": []}
    assert await jobs(database) == []


async def test_a_job_enqueued_before_the_worker_started_is_done(database):
    await enqueue_one(database, {"n": 1})
    seen = asyncio.Queue()
    async with running(database, {Job.SEND_DOCUMENT: seen.put}):
        assert await asyncio.wait_for(seen.get(), 10) == {"n": 1}


async def test_a_notified_job_does_not_wait_for_the_next_poll(database, monkeypatch):
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 3600.0)
    seen = asyncio.Queue()

    async def gone():
        return not await jobs(database)

    async with running(database, {Job.SEND_DOCUMENT: seen.put}):
        for n in range(3):  # each when nothing is left to claim, so that only the news can wake it
            await enqueue_one(database, {"n": n})
            assert await asyncio.wait_for(seen.get(), 60) == {"n": n}
            await until(gone)


async def test_a_received_batch_reaches_the_handler_as_documents(database):
    dossier = await a_dossier(database)
    row = an_inbound_row(dossier)
    seen = asyncio.Queue()
    async with running(database, {Job.PROCESS_RECEIVED: seen.put}):
        async with database.exchange_statements() as xtx:
            await receive_batch(xtx, [row])
        payload = await asyncio.wait_for(seen.get(), 10)
    assert documents_of(payload) == [DocumentRef(dossier, row.document_id)]


async def test_unavailable_puts_the_job_off_for_the_time_it_names(database):
    async def handler(_payload):
        raise Unavailable("the peer is down", 60.0)

    async with running(database, {Job.SEND_DOCUMENT: handler}):
        await enqueue_one(database, {})

        async def put_off():
            return [job for job in await jobs(database) if job["attempts"] == 1]

        [job] = await until(put_off)
    assert (job["status"], job["later"]) == ("queued", True)


async def test_unavailable_never_gives_a_job_up(database, monkeypatch):
    monkeypatch.setattr(worker_module, "FAILURES_MAX", 2)
    calls = []

    async def handler(_payload):
        calls.append(1)
        if len(calls) < 5:
            raise Unavailable("not yet", 0.01)

    async with running(database, {Job.SEND_DOCUMENT: handler}):
        await enqueue_one(database, {})

        async def done():
            return not await jobs(database)

        await until(done)
    assert len(calls) == 5


async def test_a_failing_job_is_tried_again_and_then_put_aside(database, monkeypatch):
    monkeypatch.setattr(worker_module, "FAILURES_MAX", 3)
    monkeypatch.setattr(worker_module, "RETRY_FIRST_SECONDS", 0.01)
    calls = []

    async def handler(_payload):
        calls.append(1)
        raise ValueError("a bug")

    async with running(database, {Job.SEND_DOCUMENT: handler}):
        await enqueue_one(database, {})

        async def put_aside():
            return [job for job in await jobs(database) if job["status"] == "failed"]

        await until(put_aside)
    assert len(calls) == 3


async def test_what_a_failed_job_said_reaches_neither_log_nor_queue(database, monkeypatch, caplog):
    monkeypatch.setattr(worker_module, "FAILURES_MAX", 2)
    monkeypatch.setattr(worker_module, "RETRY_FIRST_SECONDS", 0.01)
    caplog.set_level(logging.DEBUG)

    async def handler(_payload):
        raise ValueError("secret " + "content")

    async with running(database, {Job.SEND_DOCUMENT: handler}):
        await enqueue_one(database, {})

        async def put_aside():
            return [job for job in await jobs(database) if job["status"] == "failed"]

        await until(put_aside)
    async with database.exchange_statements() as xtx:
        log = await xtx.connection.fetchval(
            "SELECT string_agg(traceback::text, '') FROM pgqueuer_log"
        )
        reference = await xtx.connection.fetchval("SELECT reference FROM job_failures")
    assert "secret content" not in caplog.text
    assert "secret content" not in log
    assert f"[{reference}]: ValueError" in caplog.text
    assert reference in log


async def test_stopping_lets_the_job_under_way_finish(database):
    started, finished = asyncio.Event(), asyncio.Event()

    async def handler(_payload):
        started.set()
        await asyncio.sleep(0.3)
        finished.set()

    async with running(database, {Job.SEND_DOCUMENT: handler}) as stop:
        await enqueue_one(database, {})
        await asyncio.wait_for(started.wait(), 10)
        stop.set()
    assert finished.is_set()
    assert await jobs(database) == []


async def test_a_job_that_is_cut_off_waits_for_the_next_worker(database):
    started = asyncio.Event()

    async def handler(_payload):
        started.set()
        await asyncio.Event().wait()

    worker = Worker(database, {Job.IMPORT_DOCUMENTS: handler}, clock=CLOCK, schedules=())
    stop = asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    await enqueue_one(database, {"n": 1}, job=Job.IMPORT_DOCUMENTS, dedupe_key="one")
    await asyncio.wait_for(started.wait(), 10)
    stop.set()
    await asyncio.wait({working}, timeout=0.2)
    working.cancel()
    await asyncio.wait({working})
    seen = asyncio.Queue()
    async with running(database, {Job.IMPORT_DOCUMENTS: seen.put}):
        assert await asyncio.wait_for(seen.get(), 5) == {"n": 1}
    assert await failures(database) == 0


async def test_a_limit_bounds_how_many_jobs_of_a_kind_run_at_once(database):
    running_now, most = 0, 0
    done = asyncio.Queue()

    async def handler(_payload):
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.05)
        running_now -= 1
        await done.put(1)

    async with running(database, {Job.SEND_DOCUMENT: handler}, limits={Job.SEND_DOCUMENT: 2}):
        for _ in range(6):
            await enqueue_one(database, {})
        for _ in range(6):
            await asyncio.wait_for(done.get(), 20)
    assert most == 2


async def test_two_workers_do_each_job_once(database):
    seen = []

    async def handler(payload):
        seen.append(payload["n"])
        await asyncio.sleep(0.01)

    handlers = {Job.SEND_DOCUMENT: handler}
    async with running(database, handlers), running(database, handlers):
        for n in range(30):
            await enqueue_one(database, {"n": n})

        async def done():
            return not await jobs(database)

        await until(done)
    assert sorted(seen) == list(range(30))


async def claimed_by_a_dead_worker(database):
    await enqueue_one(database, {})
    async with database.exchange_statements() as xtx:
        await xtx.connection.execute(
            "UPDATE pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid()"
        )


async def test_the_job_of_a_dead_worker_is_done_at_once_by_the_next(database):
    await claimed_by_a_dead_worker(database)
    seen = asyncio.Queue()
    async with running(database, {Job.SEND_DOCUMENT: seen.put}):
        await asyncio.wait_for(seen.get(), 5)


async def test_the_job_of_a_living_worker_is_left_alone(database):
    started, finish = asyncio.Event(), asyncio.Event()
    calls = []

    async def handler(_payload):
        calls.append(1)
        started.set()
        await finish.wait()

    handlers = {Job.SEND_DOCUMENT: handler}
    async with running(database, handlers):
        await enqueue_one(database, {})
        await asyncio.wait_for(started.wait(), 10)
        async with running(database, handlers):
            await asyncio.sleep(0.3)
            finish.set()
    assert calls == [1]


async def test_a_job_that_kills_its_worker_again_and_again_is_put_aside(database, monkeypatch):
    monkeypatch.setattr(worker_module, "FAILURES_MAX", 1)
    await claimed_by_a_dead_worker(database)
    async with running(database, {Job.SEND_DOCUMENT: None}):

        async def put_aside():
            return [job for job in await jobs(database) if job["status"] == "failed"]

        await until(put_aside)


async def test_a_worker_outlives_its_connection(database, dsn):
    seen = asyncio.Queue()
    async with running(database, {Job.SEND_DOCUMENT: seen.put}):
        await enqueue_one(database, {"n": 1})
        await asyncio.wait_for(seen.get(), 10)
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'peppol-gateway worker' AND datname = current_database()"
        )
        await connection.close()
        await enqueue_one(database, {"n": 2})
        # The first one may come again: its end was not written down when the connection went.
        while await asyncio.wait_for(seen.get(), 10) != {"n": 2}:
            pass


async def test_a_job_is_enqueued_only_when_its_transaction_commits(database):
    async def enqueue_and_fail():
        async with database.exchange() as xtx:
            await enqueue(xtx, Job.SEND_DOCUMENT, {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await enqueue_and_fail()
    assert await jobs(database) == []


async def test_an_idle_worker_costs_next_to_nothing(database):
    import resource

    async with running(database, {Job.SEND_DOCUMENT: None}):
        await asyncio.sleep(1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(3)
        after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used / 3 < 0.02
