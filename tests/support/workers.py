"""A worker at work in a test, on the queue of a real database, and what that queue holds."""

import asyncio
from contextlib import asynccontextmanager

from gateway.clock import SystemClock
from gateway.store.jobs import Job, enqueue
from gateway.worker import Worker

CLOCK = SystemClock()


@asynccontextmanager
async def running(database, handlers, **options):
    stop = asyncio.Event()
    options = {"schedules": ()} | options
    async with asyncio.TaskGroup() as group:
        group.create_task(Worker(database, handlers, clock=CLOCK, **options).run(stop))
        try:
            yield stop
        finally:
            stop.set()


async def enqueue_one(database, payload, *, job=Job.SEND_DOCUMENT, **options):
    async with database.exchange() as xtx:
        await enqueue(xtx, job, payload, **options)


async def jobs(database):
    async with database.exchange_statements() as xtx:
        return await xtx.connection.fetch(
            "SELECT id, entrypoint, status::text, attempts, dedupe_key,"
            " execute_after > now() + '20s' AS later FROM pgqueuer ORDER BY id"
        )


async def failures(database):
    async with database.exchange_statements() as xtx:
        return await xtx.connection.fetchval("SELECT count(*) FROM job_failures")
