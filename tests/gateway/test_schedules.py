"""What a worker does by the clock: turns of schedules, and the sweep."""

import asyncio
from datetime import timedelta

from gateway.store import imports
from gateway.store.documents import insert_document
from gateway.store.idempotency import KEPT, claim_key
from gateway.store.jobs import DocumentRef, Job, document_job, documents_of, enqueue_all
from gateway.store.messages import receive_batch
from gateway.worker import SWEEP, Schedule, run_slot
from tests.support.imports import an_import
from tests.support.store import a_document, a_dossier, an_inbound_row, later, until
from tests.support.workers import CLOCK, jobs, running


async def test_a_turn_of_a_schedule_is_enqueued_once_for_all_processes(database):
    schedule = Schedule("report", Job.SEND_DOCUMENT, 60)

    first, second = [await run_slot(database, schedule, now=later(n)) for n in (1, 59)]
    async with database.exchange_statements() as xtx:
        await xtx.connection.execute("DELETE FROM pgqueuer")
    again = await run_slot(database, schedule, now=later(59.9))
    following = await run_slot(database, schedule, now=later(60))

    assert (first, second, again, following) == (True, False, False, True)
    assert len(await jobs(database)) == 1


async def test_the_sweep_gives_a_job_to_what_stands_still_and_to_nothing_else(database):
    now = CLOCK.now()
    long_ago = now - timedelta(minutes=5)
    dossier = await a_dossier(database)
    stuck, has_job, fresh = (
        a_document(created_at=long_ago),
        a_document(created_at=long_ago),
        a_document(created_at=now),
    )
    inbound = an_inbound_row(dossier, received_at=long_ago)
    async with database.transaction(dossier) as tx:
        for document in (stuck, has_job, fresh):
            await insert_document(tx, document)
        await insert_document(tx, a_document(created_at=long_ago, status="delivered"))
        ref = DocumentRef(dossier, has_job.id)
        await enqueue_all(tx, [document_job(Job.SEND_DOCUMENT, ref, delay_seconds=3600)])
    async with database.exchange_statements() as xtx:
        await receive_batch(xtx, [inbound])
        await xtx.connection.execute("DELETE FROM pgqueuer WHERE entrypoint = 'process_received'")

    sent, processed = asyncio.Queue(), asyncio.Queue()
    handlers = {Job.SEND_DOCUMENT: sent.put, Job.PROCESS_RECEIVED: processed.put}
    async with running(database, handlers):
        await run_slot(database, SWEEP, now=now)
        outbound = documents_of(await asyncio.wait_for(sent.get(), 10))
        received = documents_of(await asyncio.wait_for(processed.get(), 10))
        await asyncio.sleep(0.2)

    assert outbound == [DocumentRef(dossier, stuck.id)]
    assert received == [DocumentRef(dossier, inbound.document_id)]
    assert sent.empty()
    assert [job["dedupe_key"] for job in await jobs(database)] == [f"send_document:{has_job.id}"]


async def test_the_sweep_forgets_old_keys_and_old_imports_and_no_others(database):
    dossier, now = await a_dossier(database), CLOCK.now()
    async with database.transaction(dossier) as tx:
        for name, at in (("old", now - KEPT - timedelta(hours=1)), ("new", now)):
            assert await claim_key(tx, name, b"", now=at) is None
        for at in (now - imports.KEPT - timedelta(hours=1), now):
            made = an_import(dossier_id=dossier, status="done", file=None, updated_at=at)
            await imports.insert_import(tx, made)

    async def left():
        async with database.transaction(dossier) as tx:
            keys = await tx.connection.fetch("SELECT key FROM idempotency_keys")
            found = await imports.list_imports(tx, limit=9)
        return [row["key"] for row in keys], [each.id for each in found]

    async def forgotten():
        return await left() == (["new"], [made.id])

    async with running(database, {}):
        await run_slot(database, SWEEP, now=now)
        await until(forgotten)


async def test_a_schedule_comes_due_by_itself(database):
    seen = asyncio.Queue()
    schedules = (Schedule("often", Job.SEND_DOCUMENT, 1),)
    async with running(database, {Job.SEND_DOCUMENT: seen.put}, schedules=schedules):
        await asyncio.wait_for(seen.get(), 10)
