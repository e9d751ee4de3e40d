"""The queue as a worker claims from it: many jobs at a time, and no job waits long for that."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from pgqueuer.adapters.persistence.queries import EntrypointExecutionParameter

from gateway.store import queue as queue_module
from gateway.store.jobs import Job, enqueue
from gateway.store.queue import open_queue

BATCH, LIMIT = 2, 3


@asynccontextmanager
async def claiming(database, jobs):
    """Enqueue *jobs* jobs; yield a queue and what claims from it."""
    async with database.exchange() as xtx:
        for n in range(jobs):
            await enqueue(xtx, Job.SEND_DOCUMENT, {"n": n})
    worker = uuid4()
    entrypoints = {Job.SEND_DOCUMENT: EntrypointExecutionParameter(0)}
    async with open_queue(database.dsn, on_lost=lambda: None) as (queue, _):

        async def claim():
            return await queue.dequeue(BATCH, entrypoints, worker, LIMIT, timedelta(seconds=60))

        yield queue, claim


@pytest.mark.parametrize("ending", ["done", "later"])
async def test_a_busy_worker_claims_again_when_it_has_room_for_a_batch(
    database, monkeypatch, ending
):
    monkeypatch.setattr(queue_module, "CLAIM_SECONDS_MAX", 3600.0)
    async with claiming(database, 4) as (queue, claim):
        first, second = await claim()
        async with asyncio.TaskGroup() as group:
            again = group.create_task(claim())
            await asyncio.sleep(0)
            assert queue.claimed == {first.id, second.id}
            if ending == "done":
                await queue.log_jobs([(first, "successful", None)])
            else:
                await queue.retry_job(first, timedelta(hours=1), None)
        assert queue.claimed == {second.id, *(job.id for job in again.result())}
        assert len(again.result()) == 2


async def test_a_due_job_takes_the_last_free_place_of_a_worker_that_stays_busy(
    database, monkeypatch
):
    monkeypatch.setattr(queue_module, "CLAIM_SECONDS_MAX", 0.0)
    async with claiming(database, 4) as (_, claim):
        assert [len(await claim()) for _ in range(3)] == [2, 1, 0]
