"""The connection that a worker listens and claims on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import Job as PickedJob

from gateway.errors import Unavailable
from gateway.store.jobs import WakingQueries, hold_worker_lock, queue_on
from gateway.store.pool import APP_ROLE, LOST, RETRY_SECONDS, SESSION, UNREACHABLE

__all__ = ["ClaimingQueries", "open_queue", "translated"]

CLAIM_SECONDS_MAX = 0.25
"""LIMIT: how long a job that is due waits for a busy worker to have room for a whole batch."""


@dataclass
class ClaimingQueries(WakingQueries):
    """The queue as one worker claims from it: many jobs at a time, while there are many.

    Asked for each place that falls free, a busy queue was asked nearly as often as it had jobs.
    """

    claimed: set[int] = field(init=False, default_factory=set)
    """The jobs that the queue does not know the end of yet."""
    _ended: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: Any,
        queue_manager_id: Any,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[PickedJob]:
        """Claim jobs once there is room for *batch_size* of them, or after a short wait."""
        if global_concurrency_limit is not None:
            await self._make_room(global_concurrency_limit - batch_size)
        jobs = await super().dequeue(
            batch_size,
            entrypoints,
            queue_manager_id,
            global_concurrency_limit,
            heartbeat_timeout,
        )
        self.claimed.update(job.id for job in jobs)
        return jobs

    async def log_jobs(self, job_status: list[Any]) -> None:
        """Tell the queue how jobs ended; one that a stop cut off goes back and is due at once.

        The queue itself would forget it, as if somebody had called it off.
        """
        cut_off = [job for job, status, _ in job_status if status == "canceled"]
        for job in cut_off:
            await self.retry_job(job, timedelta(0), None)
        if ended := [each for each in job_status if each[1] != "canceled"]:
            await super().log_jobs(ended)
        self._end(job.id for job, _, _ in ended)

    async def retry_job(self, job: PickedJob, delay: timedelta, traceback_record: Any) -> None:
        """Put *job* back into the queue for after *delay*."""
        await super().retry_job(job, delay, traceback_record)
        self._end([job.id])

    def _end(self, job_ids: Iterable[int]) -> None:
        self.claimed.difference_update(job_ids)
        self._ended.set()

    async def _make_room(self, claimed_max: int) -> None:
        """Wait until no more than *claimed_max* jobs are under way; not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLAIM_SECONDS_MAX):
                while len(self.claimed) > claimed_max:
                    self._ended.clear()
                    await self._ended.wait()


@asynccontextmanager
async def open_queue(
    dsn: str, *, on_lost: Callable[[], None]
) -> AsyncIterator[tuple[Queries, Callable[[UUID], Awaitable[None]]]]:
    """Open the queue for one worker; *on_lost* is called when its connection ends.

    Yields the queue and a function that holds the lock of the worker with a given id.
    Raises Unavailable when there is no server.
    """
    settings = {**SESSION, "role": APP_ROLE, "application_name": "peppol-gateway worker"}
    async with translated():
        connection = await asyncpg.connect(dsn, server_settings=settings, command_timeout=60)
    connection.add_termination_listener(lambda _: on_lost())

    async def hold(worker: UUID) -> None:
        await hold_worker_lock(connection, worker)

    try:
        yield queue_on(connection, ClaimingQueries), hold
    finally:
        # Closing also lets the worker's lock go.
        await _close(connection)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raise Unavailable for all that says the queue's connection is gone."""
    try:
        yield
    except (*UNREACHABLE, *LOST, asyncpg.InterfaceError, FailingListenerError) as exc:
        raise Unavailable(f"the queue went away: {exc}", RETRY_SECONDS) from exc


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=5)
    except (*UNREACHABLE, *LOST, asyncpg.InterfaceError):
        connection.terminate()
