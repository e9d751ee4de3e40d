"""The worker: claims jobs, dispatches them by name, and stops in good order.

A handler that raises Unavailable is called again after the time it names, as often as it asks.
Any other error is a bug or a document nobody foresaw: it is logged under a reference, without
values, and the job is tried again after ever longer pauses until it is put aside for a person.
Several workers may run at once, in one process or many.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job as PickedJob

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.exchange.imports import fail_given_up
from gateway.store.idempotency import forget_old_keys
from gateway.store.imports import forget_old_imports
from gateway.store.jobs import (
    Job,
    claim_slot,
    enqueue,
    prune,
    record_failure,
    release_dead_claims,
    sweep,
)
from gateway.store.pool import Database
from gateway.store.queue import open_queue, translated
from gateway.telemetry import Sparingly

__all__ = ["Handler", "JobGivenUp", "Schedule", "Worker"]

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Awaitable[None]]
"""Does one job; the argument is its payload."""

FAILURES_MAX = 10
"""LIMIT: so often a job may fail, or kill its worker, before it is put aside."""

RETRY_FIRST_SECONDS = 1.0
RETRY_MAX_SECONDS = 300.0
"""LIMIT: the pause after a failure, doubled each time from the first up to the last."""

CONCURRENT_MAX = 64
"""LIMIT: how many jobs one worker runs at a time."""

CLAIM_MAX = 32
"""LIMIT: how many jobs one claim takes; the queue wants half of CONCURRENT_MAX at most."""

POLL_SECONDS = 30.0
"""A notification wakes the worker; this is for one that got lost."""

HEARTBEAT_SECONDS = 120.0
"""LIMIT: a job whose worker lives but has been silent for so long is claimed by another."""

RELEASE_SECONDS = 10.0
"""How often a worker looks for jobs of dead ones."""

STUCK_SECONDS = 60.0
"""LIMIT: a document that stands still for longer, without a job, gets a new one."""

REMEMBER = timedelta(days=7)
"""LIMIT: how long the queue's own log is kept."""


class JobGivenUp(Exception):  # noqa: N818 - the queue stores it; it names what happened
    """A job failed too often and is put aside; the log has the rest under the reference."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that is due every *seconds*, counted from the epoch, once for all processes."""

    name: str
    job: Job
    seconds: int


SWEEP = Schedule("sweep", Job.SWEEP, 60)


class Worker:
    """Runs the jobs that *handlers* knows; *limits* bounds how many of a kind run at a time.

    The sweep is a job of the worker's own.
    """

    def __init__(
        self,
        db: Database,
        handlers: Mapping[Job, Handler],
        *,
        clock: Clock,
        limits: Mapping[Job, int] | None = None,
        schedules: Sequence[Schedule] = (SWEEP,),
    ) -> None:
        self._db = db
        self._handlers: dict[Job, Handler] = {Job.SWEEP: self._sweep, **handlers}
        self._clock = clock
        self._limits = dict(limits or {})
        self._schedules = tuple(schedules)
        self._away = Sparingly(clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop* is set, then finish the jobs under way; outlive the database."""
        while not stop.is_set():
            try:
                await self._run_connected(stop)
            except* Unavailable as group:
                if self._away.is_due():
                    logger.warning("the worker waits for the database: %s", group.exceptions[0])
                await _sleep(stop, 1.0)

    async def _run_connected(self, stop: asyncio.Event) -> None:
        """Work on one connection, until *stop* is set or the connection is lost."""
        lost = asyncio.Event()
        ended = asyncio.Event()
        async with open_queue(self._db.dsn, on_lost=lost.set) as (queue, hold_lock):
            manager = QueueManager(queue, channel=queue.qbe.settings.channel)
            async with translated():
                await hold_lock(manager.queue_manager_id)
            for job, handler in self._handlers.items():
                self._register(manager, job, handler)
            async with asyncio.TaskGroup() as group:
                group.create_task(_shut_down_when(manager, ended, (stop, lost)))
                group.create_task(self._keep_house(ended))
                try:
                    async with translated():
                        await _claim_and_run(manager)
                finally:
                    ended.set()
        if lost.is_set() and not stop.is_set():
            raise Unavailable("the queue's connection was lost", 1.0)

    def _register(self, manager: QueueManager, job: Job, handler: Handler) -> None:
        limit = self._limits.get(job, 0)

        @manager.entrypoint(job, concurrency_limit=limit, accepts_context=False, on_failure="hold")
        async def run_job(picked: PickedJob) -> None:
            failure = await self._attempt(job, handler, picked)
            # Raised outside of any handling, so that nothing of the cause gets into the queue's
            # own log: an exception may carry what a document says.
            if failure is not None:
                raise failure

    async def _attempt(self, job: Job, handler: Handler, picked: PickedJob) -> Exception | None:
        """Run *handler* once; return what the queue is to be told if it did not succeed."""
        try:
            await handler(msgspec.json.decode(picked.payload or b"{}"))
        except Unavailable as exc:
            return RetryRequested(timedelta(seconds=exc.retry_after_seconds), "unavailable")
        except Exception as exc:  # noqa: BLE001 - the one place that outlives any bug
            return await self._failure(job, picked, exc)
        return None

    async def _failure(self, job: Job, picked: PickedJob, exc: Exception) -> Exception:
        """Log *exc* without its values, count it, and decide between later and never."""
        reference = self._clock.random(6).hex()
        kind = type(exc).__name__
        frames = "".join(traceback.format_tb(exc.__traceback__))
        logger.error("job %s failed [%s]: %s at\n%s", job, reference, kind, frames)
        try:
            async with self._db.exchange_statements() as xtx:
                failures = await record_failure(xtx, picked.id, reference)
        except Unavailable as unavailable:
            return RetryRequested(timedelta(seconds=unavailable.retry_after_seconds), reference)
        if failures >= FAILURES_MAX:
            return JobGivenUp(reference)
        pause = min(RETRY_FIRST_SECONDS * 2 ** (failures - 1), RETRY_MAX_SECONDS)
        return RetryRequested(timedelta(seconds=pause), reference)

    async def _keep_house(self, ended: asyncio.Event) -> None:
        """Free the jobs of dead workers now and then, and let schedules come due."""
        scheduler = AsyncIOScheduler(timezone=UTC)
        for schedule in self._schedules:
            trigger = IntervalTrigger(seconds=schedule.seconds, timezone=UTC)
            scheduler.add_job(self._come_due, trigger, (schedule,), misfire_grace_time=None)
        scheduler.start()
        try:
            while not ended.is_set():
                with suppress(Unavailable):
                    async with self._db.exchange() as xtx:
                        await release_dead_claims(xtx, failures_max=FAILURES_MAX)
                await _sleep(ended, RELEASE_SECONDS)
        finally:
            scheduler.shutdown(wait=False)

    async def _come_due(self, schedule: Schedule) -> None:
        with suppress(Unavailable):
            await run_slot(self._db, schedule, now=self._clock.now())

    async def _sweep(self, _payload: dict[str, Any]) -> None:
        now = self._clock.now()
        async with self._db.exchange() as xtx:
            found = await sweep(xtx, before=now - timedelta(seconds=STUCK_SECONDS))
            await prune(xtx, before=now - REMEMBER)
        await forget_old_keys(self._db, now=now)
        async with self._db.exchange_statements() as xtx:
            await forget_old_imports(xtx, now=now)
        await fail_given_up(self._db, now=now)
        if found:
            logger.warning("%d documents stood still and have a job again", found)


async def run_slot(db: Database, schedule: Schedule, *, now: datetime) -> bool:
    """Enqueue the schedule's job for the turn that *now* falls in, unless somebody did."""
    slot = datetime.fromtimestamp(now.timestamp() // schedule.seconds * schedule.seconds, UTC)
    async with db.exchange() as xtx:
        if not await claim_slot(xtx, schedule.name, slot):
            return False
        await enqueue(xtx, schedule.job, {}, dedupe_key=schedule.name)
    return True


async def _claim_and_run(manager: QueueManager) -> None:
    await manager.run(
        dequeue_timeout=timedelta(seconds=POLL_SECONDS),
        batch_size=CLAIM_MAX,
        max_concurrent_tasks=CONCURRENT_MAX,
        heartbeat_timeout=timedelta(seconds=HEARTBEAT_SECONDS),
        shutdown_on_listener_failure=True,
        log_aggregation_interval=timedelta(0),
    )


async def _shut_down_when(
    manager: QueueManager, ended: asyncio.Event, signals: Sequence[asyncio.Event]
) -> None:
    """Tell *manager* to stop when one of *signals* is set; return when it has *ended*."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(signal.wait()) for signal in (ended, *signals)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
    manager.shutdown.set()


async def _sleep(until: asyncio.Event, seconds: float) -> None:
    """Sleep for *seconds*, or until the event."""
    with suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), seconds)
