"""Documents: pages, moves, timelines without gaps, idempotency keys."""

import asyncio

import asyncpg
import pytest

from gateway.store.documents import (
    Cursor,
    append_event,
    find_content,
    find_document,
    insert_document,
    list_documents,
    list_events,
    move_document,
    set_document_facts,
)
from gateway.store.idempotency import Mismatch, Stored, claim_key, finish_key
from gateway.store.messages import receive_batch
from tests.support.store import (
    CLOCK,
    NOW,
    a_document,
    a_dossier,
    an_inbound_row,
    execute,
    later,
)


async def store(database, dossier, *documents):
    async with database.transaction(dossier) as tx:
        return [await insert_document(tx, document) for document in documents]


async def test_a_document_is_found_as_it_was_stored(database):
    dossier = await a_dossier(database)
    new = a_document(
        kind="Invoice",
        number="F-1",
        instance_identifier="i-1",
        content_sha256=bytes(32),
        size_bytes=10,
        flags=("check-digit",),
        options={"endpoint": "https://ap.example"},
    )
    [stored] = await store(database, dossier, new)

    async with database.transaction(dossier) as tx:
        found = await find_document(tx, new.id)
        content = await find_content(tx, new.id)
    assert found == stored
    assert found.dossier_id == dossier
    assert (found.kind, found.number, found.size_bytes) == ("Invoice", "F-1", 10)
    assert found.flags == ("check-digit",)
    assert found.options == {"endpoint": "https://ap.example"}
    assert found.created_at == NOW
    assert (content.data, content.file) == (b"<Invoice/>", None)


async def test_an_unknown_document_is_none(database):
    dossier = await a_dossier(database)
    async with database.transaction(dossier) as tx:
        assert await find_document(tx, CLOCK.uuid()) is None
        assert await find_content(tx, CLOCK.uuid()) is None


async def test_pages_follow_each_other_without_gap_or_repeat(database):
    dossier = await a_dossier(database)
    # Several share an instant: the id decides between them.
    documents = [a_document(created_at=later(n // 3)) for n in range(10)]
    await store(database, dossier, *documents)
    seen, before = [], None
    while True:
        async with database.transaction(dossier) as tx:
            page = await list_documents(tx, limit=4, before=before)
        if not page:
            break
        seen += [document.id for document in page]
        before = Cursor(page[-1].created_at, page[-1].id)
    newest_first = sorted(documents, key=lambda one: (one.created_at, one.id), reverse=True)
    assert seen == [document.id for document in newest_first]


async def test_a_list_can_be_narrowed_by_direction_and_status(database):
    dossier = await a_dossier(database)
    accepted, failed = a_document(), a_document(status="failed")
    await store(database, dossier, accepted, failed)
    inbound = an_inbound_row(dossier)
    async with database.exchange_statements() as xtx:
        await receive_batch(xtx, [inbound])

    async with database.transaction(dossier) as tx:
        ids = [
            [one.id for one in await list_documents(tx, limit=9, direction=d, status=s)]
            for d, s in (("in", None), ("out", "failed"), (None, "accepted"))
        ]
    assert ids == [[inbound.document_id], [failed.id], [accepted.id]]


async def test_a_move_happens_from_the_named_status_only(database):
    dossier = await a_dossier(database)
    [document] = await store(database, dossier, a_document())
    async with database.transaction(dossier) as tx:
        assert await move_document(tx, document.id, "accepted", "sealed", now=later(1))
        assert not await move_document(tx, document.id, "accepted", "sealed", now=later(2))
        found = await find_document(tx, document.id)
    assert (found.status, found.updated_at) == ("sealed", later(1))


async def test_of_two_that_try_the_same_move_one_wins(database):
    dossier = await a_dossier(database)
    [document] = await store(database, dossier, a_document())

    async def move():
        async with database.transaction(dossier) as tx:
            return await move_document(tx, document.id, "accepted", "sealed", now=NOW)

    async with asyncio.TaskGroup() as group:
        moves = [group.create_task(move()) for _ in range(4)]
    assert sorted(task.result() for task in moves) == [False, False, False, True]


async def test_a_status_of_the_other_direction_is_refused_by_the_database(database):
    dossier = await a_dossier(database)
    with pytest.raises(Exception, match="documents_status_of_direction"):
        await store(database, dossier, a_document(status="received"))


async def test_an_outbound_document_without_content_is_refused_by_the_database(database):
    dossier = await a_dossier(database)
    with pytest.raises(Exception, match="documents_content_once"):
        await store(database, dossier, a_document(content=None))


async def test_facts_learnt_later_are_recorded_and_nothing_else(database):
    dossier = await a_dossier(database)
    [document] = await store(database, dossier, a_document())
    async with database.transaction(dossier) as tx:
        await set_document_facts(tx, document.id, number="F-2", flags=("a", "b"))
        await set_document_facts(tx, document.id)
        found = await find_document(tx, document.id)
        with pytest.raises(TypeError, match="status"):
            await set_document_facts(tx, document.id, status="delivered")
    assert (found.number, found.flags, found.status) == ("F-2", ("a", "b"), "accepted")


async def test_a_timeline_is_numbered_without_gaps_whoever_writes(database):
    dossier = await a_dossier(database)
    [document] = await store(database, dossier, a_document())

    async def append(n, *, fail=False):
        async with database.transaction(dossier) as tx:
            await append_event(tx, document.id, f"step-{n}", {"n": n}, now=later(n))
            if fail:
                raise LookupError

    async def append_and_fail():
        with pytest.raises(LookupError):
            await append(99, fail=True)

    async with asyncio.TaskGroup() as group:
        for n in range(12):
            group.create_task(append_and_fail() if n % 3 == 0 else append(n))

    async with database.transaction(dossier) as tx:
        events = await list_events(tx, document.id)
    assert [event.seq for event in events] == list(range(1, 9))
    assert {event.detail["n"] for event in events} == {n for n in range(12) if n % 3}
    assert all(event.at == later(event.detail["n"]) for event in events)


async def test_an_event_of_no_document_is_an_error(database):
    dossier = await a_dossier(database)
    async with database.transaction(dossier) as tx:
        with pytest.raises(LookupError):
            await append_event(tx, CLOCK.uuid(), "sent", {}, now=NOW)


@pytest.mark.parametrize(
    "statement", ["UPDATE document_events SET name = ''", "DELETE FROM document_events"]
)
async def test_a_timeline_cannot_be_rewritten(database, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(database, await a_dossier(database), statement)


async def test_a_repeated_request_gets_the_first_answer(database):
    dossier = await a_dossier(database)
    document_id = CLOCK.uuid()
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) is None
        await finish_key(tx, "k", 202, b"{}", document_id)
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) == Stored(202, b"{}", document_id)
        assert await claim_key(tx, "k", b"other", now=NOW) == Mismatch()
    async with database.transaction(await a_dossier(database)) as tx:
        assert await claim_key(tx, "k", b"other", now=NOW) is None


async def test_two_requests_with_one_key_at_once_do_the_work_once(database):
    dossier = await a_dossier(database)
    answers = []

    async def request():
        async with database.transaction(dossier) as tx:
            stored = await claim_key(tx, "k", b"body", now=NOW)
            if stored is None:
                await asyncio.sleep(0.05)
                await finish_key(tx, "k", 202, b"{}", None)
            answers.append(stored)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(request())
    assert answers.count(None) == 1
    assert answers.count(Stored(202, b"{}", None)) == 3


async def test_a_key_whose_request_failed_is_free_again(database):
    dossier = await a_dossier(database)

    async def failing_request():
        async with database.transaction(dossier) as tx:
            await claim_key(tx, "k", b"body", now=NOW)
            raise LookupError

    with pytest.raises(LookupError):
        await failing_request()
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) is None
