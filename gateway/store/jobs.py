"""The job queue: pgqueuer's tables, used inside our own transactions.

A job is enqueued in the transaction whose effect it follows, so both happen or neither.  Jobs run
at least once: what a handler does commits together with a mark of its own that it was done.
Payloads carry identifiers only, never content.
"""

# ruff: noqa: S608 - names of columns are spliced in, values never

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job as PickedJob
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel

from gateway.store.pool import ExchangeTransaction, Transaction

__all__ = [
    "DocumentRef",
    "Job",
    "NewJob",
    "WakingQueries",
    "claim_slot",
    "document_job",
    "documents_of",
    "enqueue",
    "enqueue_all",
    "hold_worker_lock",
    "prune",
    "queue_on",
    "record_failure",
    "release_dead_claims",
    "sweep",
]


class Job(StrEnum):
    """The names of all jobs."""

    SEND_DOCUMENT = "send_document"
    """Bring an outbound document one step further, up to its delivery."""
    PROCESS_RECEIVED = "process_received"
    """Unwrap what was received and deliver it to its dossier."""
    IMPORT_DOCUMENTS = "import_documents"
    """Accept or refuse the next documents of an import."""
    SWEEP = "sweep"
    """Enqueue again what stands still, and forget what is past."""


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """A document and the dossier it belongs to."""

    dossier_id: UUID
    document_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to enqueue; of those with one *dedupe_key* at most one waits or runs.

    Those of higher *priority* are done first.
    """

    job: Job
    payload: Mapping[str, Any]
    delay_seconds: float = 0.0
    dedupe_key: str | None = None
    priority: int = 0


# Object names of our migration. Given in full, because pgqueuer would read missing ones from
# environment variables with such names as CHANNEL or PREFIX.
SETTINGS = DBSettings(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=True,
)


WAKE = """
SELECT pg_notify('ch_pgqueuer', json_build_object('channel', 'ch_pgqueuer', 'operation', 'update',
    'sent_at', now(), 'table', 'pgqueuer', 'type', 'table_changed_event')::text)
"""
"""What pgqueuer's trigger sends for an insert; for an update it sends nothing."""


class WakingQueries(Queries):
    """pgqueuer's queries, with a wake-up where a job becomes due by an update.

    Without it a worker that looked just before sleeps on until its next poll.
    """

    async def retry_job(
        self, job: PickedJob, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """Put *job* back into the queue for after *delay*, and let the workers know."""
        await super().retry_job(job, delay, traceback_record)
        await self.driver.execute(WAKE)


def queue_on(connection: Any, kind: type[WakingQueries] = WakingQueries) -> Queries:
    """Return pgqueuer's queries on *connection*; they take part in its open transaction."""
    return kind(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(SETTINGS),
        qbq=QueryQueueBuilder(SETTINGS),
        qbs=QuerySchedulerBuilder(SETTINGS),
    )


def document_job(
    job: Job, document: DocumentRef, *, delay_seconds: float = 0.0, priority: int = 0
) -> NewJob:
    """Return *job* for one document, of which at most one waits or runs at a time."""
    return NewJob(
        job=job,
        payload={"documents": [[document.dossier_id, document.document_id]]},
        delay_seconds=delay_seconds,
        dedupe_key=f"{job}:{document.document_id}",
        priority=priority,
    )


def documents_of(payload: Mapping[str, Any]) -> list[DocumentRef]:
    """Return the documents that *payload* names, as `document_job` or a receipt wrote it."""
    return [DocumentRef(UUID(dossier), UUID(one)) for dossier, one in payload["documents"]]


async def enqueue(
    tx: Transaction | ExchangeTransaction,
    job: Job,
    payload: Mapping[str, Any],
    *,
    delay_seconds: float = 0.0,
    dedupe_key: str | None = None,
) -> None:
    """Enqueue *job* in the transaction *tx*; skip it when one with *dedupe_key* waits or runs."""
    new = NewJob(job=job, payload=payload, delay_seconds=delay_seconds, dedupe_key=dedupe_key)
    await enqueue_all(tx, [new])


async def enqueue_all(tx: Transaction | ExchangeTransaction, jobs: Iterable[NewJob]) -> int:
    """Enqueue *jobs* in the transaction *tx* and return how many were not there already."""
    # Two transactions that take keys in opposite orders would wait for each other for ever.
    ordered = sorted(jobs, key=lambda new: new.dedupe_key or "")
    if not ordered:
        return 0
    ids: Sequence[int | None] = await queue_on(tx.connection).enqueue(
        [str(new.job) for new in ordered],
        [msgspec.json.encode(new.payload) for new in ordered],
        [new.priority for new in ordered],
        [timedelta(seconds=new.delay_seconds) for new in ordered],
        [new.dedupe_key for new in ordered],
        on_conflict="skip",
    )
    return sum(one is not None for one in ids)


async def claim_slot(xtx: ExchangeTransaction, name: str, slot: datetime) -> bool:
    """Say whether the turn *slot* of the schedule *name* is ours; of many callers one gets True."""
    claimed = await xtx.connection.fetchval(
        "INSERT INTO schedule_slots (name, slot) VALUES ($1, $2)"
        " ON CONFLICT DO NOTHING RETURNING true",
        name,
        slot,
    )
    return claimed is True


STUCK = """
SELECT d.id, d.dossier_id, d.direction FROM documents d
WHERE d.status IN ('received', 'accepted', 'sealed', 'sending') AND d.updated_at < $1
  AND NOT EXISTS (
    SELECT FROM pgqueuer q WHERE q.dedupe_key =
        CASE d.direction WHEN 'in' THEN 'process_received:' ELSE 'send_document:' END || d.id
  )
ORDER BY d.updated_at LIMIT $2
"""

SWEEP_MAX = 1000
"""LIMIT: how many documents one sweep picks up; the next one takes the rest."""


async def sweep(xtx: ExchangeTransaction, *, before: datetime) -> int:
    """Enqueue what stands still since *before* and has no job; return how many documents.

    A net for what should not happen.  A job that was given up on is still there, so it is not
    started again.
    """
    stuck = await xtx.connection.fetch(STUCK, before, SWEEP_MAX)
    return await enqueue_all(
        xtx,
        [
            document_job(
                Job.PROCESS_RECEIVED if row["direction"] == "in" else Job.SEND_DOCUMENT,
                DocumentRef(row["dossier_id"], row["id"]),
            )
            for row in stuck
        ],
    )


async def prune(xtx: ExchangeTransaction, *, before: datetime) -> None:
    """Forget the queue's log, statistics and schedule turns from before the instant *before*."""
    await xtx.connection.execute("DELETE FROM pgqueuer_log WHERE created < $1", before)
    await xtx.connection.execute("DELETE FROM pgqueuer_statistics WHERE created < $1", before)
    await xtx.connection.execute("DELETE FROM schedule_slots WHERE slot < $1", before)
    await xtx.connection.execute(
        "DELETE FROM job_failures f WHERE NOT EXISTS (SELECT FROM pgqueuer q WHERE q.id = f.job_id)"
    )


async def record_failure(xtx: ExchangeTransaction, job_id: int, reference: str) -> int:
    """Count a failure of the job, with the *reference* under which the log explains it.

    Returns how many there are now, workers that died over it included.
    """
    failures: int = await xtx.connection.fetchval(
        "INSERT INTO job_failures AS f (job_id, failures, reference) VALUES ($1, 1, $2)"
        " ON CONFLICT (job_id) DO UPDATE"
        " SET failures = f.failures + 1, reference = excluded.reference RETURNING failures",
        job_id,
        reference,
    )
    return failures


# A worker holds an advisory lock under the last 64 bits of its id for as long as it lives.
WORKER_LOCK = "('x' || right(replace({}::text, '-', ''), 16))::bit(64)::bigint"

RELEASE = f"""
WITH dead AS (
    SELECT j.id FROM pgqueuer j
    WHERE j.status = 'picked' AND NOT EXISTS (
        SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND d.datname = current_database()
          AND (l.classid::bigint << 32 | l.objid::bigint)
            = {WORKER_LOCK.format("j.queue_manager_id")}
    )
    ORDER BY j.id FOR UPDATE SKIP LOCKED
), counted AS (
    INSERT INTO job_failures AS f (job_id, failures, reference)
    SELECT id, 1, 'worker died' FROM dead
    ON CONFLICT (job_id) DO UPDATE SET failures = f.failures + 1
    RETURNING job_id, failures
)
UPDATE pgqueuer SET queue_manager_id = NULL, updated = now(), status =
    CASE WHEN failures >= $1 THEN 'failed' ELSE 'queued' END::pgqueuer_status
FROM counted WHERE id = job_id
RETURNING id
"""


async def hold_worker_lock(connection: Any, worker: UUID) -> None:
    """Say that *worker* lives, for as long as *connection* does."""
    await connection.execute(f"SELECT pg_advisory_lock({WORKER_LOCK.format('$1::uuid')})", worker)


async def release_dead_claims(xtx: ExchangeTransaction, *, failures_max: int) -> int:
    """Give back the jobs of workers that are gone; return how many there were.

    Each counts as a failure, and at *failures_max* the job is given up on: one that kills its
    worker must not do so for ever.  The queue itself would wait for a timeout, and not count.
    """
    released = await xtx.connection.fetch(RELEASE, failures_max)
    if released:
        await xtx.connection.execute(WAKE)
    return len(released)
