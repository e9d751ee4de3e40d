"""Documents: pages, timelines without gaps, idempotency keys."""

import asyncio
import itertools
import re
from datetime import timedelta

import asyncpg
import pytest

from gateway.store.documents import (
    STATUSES,
    Cursor,
    append_event,
    find_content,
    find_document,
    insert_document,
    list_documents,
    list_events,
)
from gateway.store.idempotency import (
    CLAIM_KEPT,
    KEPT,
    InFlight,
    Mismatch,
    Stored,
    claim_key,
    drop_key,
    finish_key,
    forget_old_keys,
)
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


async def test_a_narrowed_list_is_in_order_and_its_pages_follow_each_other(database):
    dossier = await a_dossier(database)
    standing = itertools.cycle(("accepted", "failed", "delivered"))
    documents = [a_document(created_at=later(n // 3), status=next(standing)) for n in range(10)]
    await store(database, dossier, *documents)
    seen, before = [], None
    while True:
        async with database.transaction(dossier) as tx:
            page = await list_documents(tx, limit=4, before=before, direction="out")
        if not page:
            break
        seen += [document.id for document in page]
        before = Cursor(page[-1].created_at, page[-1].id)
    newest_first = sorted(documents, key=lambda one: (one.created_at, one.id), reverse=True)
    assert seen == [document.id for document in newest_first]


async def test_where_documents_can_stand_is_what_the_table_takes(database):
    async with database.exchange_statements() as xtx:
        constraint = await xtx.connection.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conname = 'documents_status_of_direction'"
        )
    branches = constraint.partition("WHEN 'in'")[2].partition("WHEN 'out'")
    found = [re.findall(r"'(\w+)'::text", branch) for branch in (branches[0], branches[2])]
    taken = [tuple(name for name in each if name not in {"in", "out"}) for each in found]
    assert dict(zip(("in", "out"), taken, strict=True)) == STATUSES


async def test_a_status_of_the_other_direction_is_refused_by_the_database(database):
    dossier = await a_dossier(database)
    with pytest.raises(Exception, match="documents_status_of_direction"):
        await store(database, dossier, a_document(status="received"))


async def test_an_outbound_document_without_content_is_refused_by_the_database(database):
    dossier = await a_dossier(database)
    with pytest.raises(Exception, match="documents_content_once"):
        await store(database, dossier, a_document(content=None))


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
    answer = Stored(status=202, body=b"{}", document_id=CLOCK.uuid(), location="/x", sealed=True)
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) is None
        await finish_key(tx, "k", answer)
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) == answer
        assert await claim_key(tx, "k", b"other", now=NOW) == Mismatch()
    async with database.transaction(await a_dossier(database)) as tx:
        assert await claim_key(tx, "k", b"other", now=NOW) is None


async def test_while_a_request_is_carried_out_its_key_is_in_flight_and_nobody_waits(database):
    dossier, answer = await a_dossier(database), Stored(status=202, body=b"{}")
    async with database.transaction(dossier) as first:
        assert await claim_key(first, "k", b"body", now=NOW) is None
        async with database.transaction(dossier) as second:
            assert await claim_key(second, "k", b"body", now=NOW) == InFlight()
            assert await claim_key(second, "other", b"body", now=NOW) is None
        await finish_key(first, "k", answer)
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) == answer


async def test_a_committed_claim_is_in_flight_until_it_is_finished_dropped_or_its_owner_died(
    database,
):
    dossier = await a_dossier(database)

    async def claim(at):
        async with database.transaction(dossier) as tx:
            return await claim_key(tx, "k", b"body", now=at)

    assert await claim(NOW) is None
    assert await claim(NOW) == InFlight()
    async with database.transaction(dossier) as tx:
        await drop_key(tx, "k")
    assert await claim(NOW) is None
    assert await claim(NOW + CLAIM_KEPT) == InFlight()
    assert await claim(NOW + CLAIM_KEPT + timedelta(seconds=1)) is None


async def test_keys_are_forgotten_after_a_week_whosever_they_are(database):
    for at in (NOW - KEPT - timedelta(seconds=1), NOW - KEPT):
        async with database.transaction(await a_dossier(database)) as tx:
            await claim_key(tx, "k", b"body", now=at)
    assert await forget_old_keys(database, now=NOW) == 1
    assert await forget_old_keys(database, now=NOW) == 0


async def test_the_office_has_keys_of_its_own(database):
    dossier = await a_dossier(database)
    async with database.transaction(dossier) as tx:
        assert await claim_key(tx, "k", b"body", now=NOW) is None
    async with database.office() as otx:
        assert await claim_key(otx, "k", b"other", now=NOW) is None


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
