"""What is stored of received messages: duplicates, conflicts, repeats."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from gateway.store.documents import find_document
from gateway.store.jobs import DocumentRef, documents_of
from gateway.store.messages import (
    Outcome,
    find_by_instance,
    find_message,
    list_messages,
    receive_batch,
)
from tests.support.database import WAITING
from tests.support.store import (
    CLOCK,
    NOW,
    a_dossier,
    an_inbound_row,
    later,
    until,
)


async def receive(database, *rows):
    async with database.exchange_statements() as xtx:
        return await receive_batch(xtx, rows)


async def queued_documents(database):
    async with database.exchange_statements() as xtx:
        jobs = await xtx.connection.fetch("SELECT payload FROM pgqueuer ORDER BY id")
    return [documents_of(msgspec.json.decode(job["payload"])) for job in jobs]


async def test_a_received_message_is_stored_with_its_document_and_one_job_for_the_batch(database):
    dossier = await a_dossier(database)
    rows = [an_inbound_row(dossier, flags=("check-digit",)), an_inbound_row(dossier)]

    assert await receive(database, *rows) == [Outcome.STORED, Outcome.STORED]

    async with database.transaction(dossier) as tx:
        document = await find_document(tx, rows[0].document_id)
        message = await find_message(tx, rows[0].document_id)
    assert (document.direction, document.status) == ("in", "received")
    assert document.flags == ("check-digit",)
    assert document.created_at == NOW
    assert message.wire == rows[0].wire
    assert message.receipt == rows[0].receipt
    assert message.content_key == rows[0].content_key
    assert message.message_id == rows[0].message_id
    [refs] = await queued_documents(database)
    assert set(refs) == {DocumentRef(dossier, row.document_id) for row in rows}


async def test_the_same_message_again_is_a_duplicate_and_changes_nothing(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    again = replace(first, document_id=CLOCK.uuid(), message_row_id=CLOCK.uuid())
    await receive(database, first)

    assert await receive(database, again) == [Outcome.DUPLICATE]

    async with database.transaction(dossier) as tx:
        assert await find_document(tx, again.document_id) is None
    assert len(await queued_documents(database)) == 1


async def test_a_message_id_used_for_another_attachment_is_a_conflict(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    other = an_inbound_row(dossier, message_id=first.message_id)
    await receive(database, first)

    assert await receive(database, other) == [Outcome.CONFLICT]


async def test_another_access_point_may_use_the_same_message_id(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    other = an_inbound_row(dossier, message_id=first.message_id, sending_ap="PFR000009")
    await receive(database, first)

    assert await receive(database, other) == [Outcome.STORED]


async def test_duplicates_inside_one_batch_are_stored_once(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    same = replace(first, document_id=CLOCK.uuid(), message_row_id=CLOCK.uuid())
    other = replace(same, message_row_id=CLOCK.uuid(), attachment_digest=bytes(32))

    outcomes = await receive(database, first, same, other)

    assert sorted(outcomes).count(Outcome.STORED) == 1
    async with database.transaction(dossier) as tx:
        stored = [await find_document(tx, row.document_id) for row in (first, same)]
    assert sum(document is not None for document in stored) == 1


async def test_a_duplicate_is_one_whichever_dossier_it_is_for(database):
    first = an_inbound_row(await a_dossier(database))
    again = replace(
        first,
        dossier_id=await a_dossier(database, name="Other"),
        document_id=CLOCK.uuid(),
        message_row_id=CLOCK.uuid(),
    )
    await receive(database, first)

    assert await receive(database, again) == [Outcome.DUPLICATE]


async def test_a_known_instance_under_a_new_message_id_is_left_to_the_caller(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier, sender="9925:be0123456749")
    second = an_inbound_row(
        dossier, instance_identifier=first.instance_identifier, sender="9925:BE0123456749"
    )
    await receive(database, first)

    assert await receive(database, second) == [Outcome.INSTANCE_KNOWN]

    async with database.exchange() as xtx:
        known = await find_by_instance(
            xtx, first.sending_ap, first.sender, first.receiver, first.instance_identifier
        )
    assert [message.document_id for message in known] == [first.document_id]
    assert known[0].wire == first.wire


async def test_a_repeat_of_a_document_is_stored_as_a_message_and_not_delivered_again(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    repeat = an_inbound_row(
        dossier,
        instance_identifier=first.instance_identifier,
        repeats=first.document_id,
        received_at=later(1),
    )
    await receive(database, first)

    assert await receive(database, repeat) == [Outcome.STORED]
    again = replace(repeat, message_row_id=CLOCK.uuid())
    assert await receive(database, again) == [Outcome.DUPLICATE]
    other = replace(again, attachment_digest=bytes(32))
    assert await receive(database, other) == [Outcome.CONFLICT]

    async with database.transaction(dossier) as tx:
        assert (await find_message(tx, first.document_id)).message_id == first.message_id
        messages = await list_messages(tx, first.document_id)
        assert await find_document(tx, repeat.document_id) is None
    assert [message.is_repeat for message in messages] == [False, True]
    assert len(await queued_documents(database)) == 1


async def test_another_document_in_a_known_instance_is_stored_once(database):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    other = an_inbound_row(
        dossier,
        instance_identifier=first.instance_identifier,
        document_digest=b"other",
        flags=("instance-reused",),
    )
    twin = an_inbound_row(
        dossier, instance_identifier=first.instance_identifier, document_digest=b"other"
    )
    await receive(database, first)

    assert await receive(database, other) == [Outcome.STORED]
    assert await receive(database, twin) == [Outcome.INSTANCE_KNOWN]


@pytest.mark.parametrize("commits", [True, False])
async def test_of_two_copies_in_flight_the_second_waits_for_the_first(database, commits):
    dossier = await a_dossier(database)
    first = an_inbound_row(dossier)
    copy = replace(first, document_id=CLOCK.uuid(), message_row_id=CLOCK.uuid())
    stored, decide = asyncio.Event(), asyncio.Event()

    async def receive_first():
        async with database.exchange() as xtx:
            assert await receive_batch(xtx, [first]) == [Outcome.STORED]
            stored.set()
            await decide.wait()
            if not commits:
                await xtx.connection.execute("ROLLBACK; BEGIN")

    async with asyncio.TaskGroup() as group:
        group.create_task(receive_first())
        await stored.wait()
        second = group.create_task(receive(database, copy))
        answered, _ = await asyncio.wait([second], timeout=0.2)
        decide.set()

    assert not answered
    assert second.result() == [Outcome.DUPLICATE if commits else Outcome.STORED]


async def test_a_batch_that_deadlocks_with_another_is_stored_by_a_second_try(database):
    dossier = await a_dossier(database)
    ours = [an_inbound_row(dossier, message_id=f"{n}@ours") for n in (1, 2)]
    theirs = [
        an_inbound_row(
            dossier, message_id=f"{n}@theirs", instance_identifier=row.instance_identifier
        )
        for n, row in zip((2, 1), ours, strict=True)
    ]

    async with asyncio.TaskGroup() as group, database.exchange() as xtx:
        await receive_batch(xtx, [ours[1]])
        # This batch has the first envelope and waits for the second one, then we want the first;
        # the server ends the one that waited first, and that is not us.
        batch = group.create_task(receive(database, *theirs[::-1], ours[0]))
        async with database.exchange_statements() as watcher:
            await until(lambda: watcher.connection.fetchval(WAITING))
        assert await receive_batch(xtx, [theirs[0]]) == [Outcome.STORED]

    assert batch.result() == [Outcome.INSTANCE_KNOWN, Outcome.DUPLICATE, Outcome.INSTANCE_KNOWN]


async def test_many_writers_store_each_of_many_copies_once(database):
    dossier = await a_dossier(database)
    originals = [an_inbound_row(dossier) for _ in range(10)]

    def copies():
        return [
            replace(row, document_id=CLOCK.uuid(), message_row_id=CLOCK.uuid()) for row in originals
        ]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(receive(database, *copies())) for _ in range(6)]

    outcomes = [task.result() for task in tasks]
    for of_one in zip(*outcomes, strict=True):
        assert sorted(of_one) == [Outcome.DUPLICATE] * 5 + [Outcome.STORED]
    assert sum(len(refs) for refs in await queued_documents(database)) == 10


async def test_a_message_with_names_of_any_length_is_stored(database):
    dossier = await a_dossier(database)
    long = an_inbound_row(dossier, message_id="m" * 20_000, instance_identifier="i" * 20_000)

    assert await receive(database, long) == [Outcome.STORED]


async def test_an_empty_batch_is_no_work(database):
    assert await receive(database) == []
