"""What sending reads and writes: whole batches, each document for itself."""

import asyncio
from dataclasses import replace

from gateway.store.documents import Step, append_event, find_document, insert_document, list_events
from gateway.store.messages import insert_sealed
from gateway.store.sendings import load_outgoing, move_documents
from tests.support.store import (
    CLOCK,
    NOW,
    a_document,
    a_dossier,
    a_move,
    a_sealed_row,
    later,
)


async def accepted(database, dossier, *documents):
    async with database.transaction(dossier) as tx:
        for document in documents:
            await insert_document(tx, document)
            await append_event(tx, document.id, "accepted", {}, now=NOW)


async def load(database, dossier, *documents):
    async with database.transaction(dossier) as tx:
        return await load_outgoing(tx, [document.id for document in documents])


async def move(database, dossier, *moves):
    async with database.transaction(dossier) as tx:
        return await move_documents(tx, moves)


async def test_a_document_that_was_not_tried_comes_with_its_content(database):
    dossier = await a_dossier(database)
    inline, filed = a_document(), a_document(content=None, content_file="f")
    await accepted(database, dossier, inline, filed)
    found = await load(database, dossier, inline, filed)
    assert found.keys() == {inline.id, filed.id}
    assert found[inline.id].document.id == inline.id
    assert found[inline.id].country == "BE"
    assert (found[inline.id].content.data, found[inline.id].content.file) == (b"<Invoice/>", None)
    assert (found[filed.id].content.data, found[filed.id].content.file) == (None, "f")
    assert (found[inline.id].message, list(found[inline.id].events)) == (None, [])


async def test_a_check_is_no_try_and_a_failed_look_up_is_one(database):
    dossier = await a_dossier(database)
    checked, sought = a_document(), a_document()
    await accepted(database, dossier, checked, sought)
    async with database.transaction(dossier) as tx:
        await append_event(tx, checked.id, "checked", {}, now=NOW)
        await append_event(tx, sought.id, "will_retry", {}, now=NOW)
    found = await load(database, dossier, checked, sought)
    assert list(found[checked.id].events) == []
    assert [event.name for event in found[sought.id].events] == ["accepted", "will_retry"]


async def test_a_document_that_was_tried_comes_with_its_last_message_and_timeline(database):
    dossier = await a_dossier(database)
    document, other = a_document(), a_document()
    await accepted(database, dossier, document, other)
    first = a_sealed_row(document.id)
    second, others = a_sealed_row(document.id, sealed_at=later(1)), a_sealed_row(other.id)
    async with database.transaction(dossier) as tx:
        await insert_sealed(tx, [second, first, others])
    moves = [a_move(each.id, "accepted", "sealed", of=str(each.id)) for each in (document, other)]
    await move(database, dossier, *moves)
    found = await load(database, dossier, document, other)
    assert found[document.id].message.id == second.message_row_id
    assert found[other.id].message.id == others.message_row_id
    assert found[document.id].content is None
    told = [(event.seq, event.name, event.detail) for event in found[document.id].events]
    assert told == [(1, "accepted", {}), (2, "sealed", {"of": str(document.id)})]


async def test_what_another_dossier_sends_is_not_there(database):
    dossier, other = await a_dossier(database), await a_dossier(database)
    document = a_document()
    await accepted(database, dossier, document)
    assert await load(database, other, document) == {}
    assert await move(database, other, a_move(document.id, "accepted", "failed")) == set()
    assert (await load(database, dossier, document))[document.id].document.status == "accepted"


async def test_each_document_moves_from_the_named_status_only(database):
    dossier = await a_dossier(database)
    one, two, gone = a_document(), a_document(), CLOCK.uuid()
    await accepted(database, dossier, one, two)
    moved = await move(
        database,
        dossier,
        a_move(one.id, "accepted", "sealed", at=later(1)),
        a_move(two.id, "sealed", "sending", at=later(1)),
        a_move(gone, "accepted", "sealed"),
    )
    assert moved == {one.id}
    async with database.transaction(dossier) as tx:
        found = [await find_document(tx, document.id) for document in (one, two)]
        told = [[e.name for e in await list_events(tx, document.id)] for document in (one, two)]
    assert [(each.status, each.updated_at) for each in found] == [
        ("sealed", later(1)),
        ("accepted", NOW),
    ]
    assert told == [["accepted", "sealed"], ["accepted"]]


async def test_a_move_tells_its_steps_in_order_and_what_it_learnt(database):
    dossier = await a_dossier(database)
    one, two = a_document(), a_document()
    await accepted(database, dossier, one, two)
    steps = [Step(later(n), f"step-{n}", {"n": n}) for n in range(12)]
    moves = [
        replace(a_move(one.id, "accepted", "sealed"), steps=steps, instance_identifier="i-1"),
        replace(a_move(two.id, "accepted", "sealed"), steps=steps[:2]),
    ]
    await move(database, dossier, *moves)
    async with database.transaction(dossier) as tx:
        told, short = [await list_events(tx, document.id) for document in (one, two)]
        found = await find_document(tx, one.id)
    assert [event.seq for event in told] == list(range(1, 14))
    assert [event.detail for event in told[1:]] == [{"n": n} for n in range(12)]
    assert [event.at for event in told[1:]] == [later(n) for n in range(12)]
    assert [event.name for event in short] == ["accepted", "step-0", "step-1"]
    assert found.instance_identifier == "i-1"


async def test_of_two_that_try_the_same_move_one_wins(database):
    dossier = await a_dossier(database)
    document = a_document()
    await accepted(database, dossier, document)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(move(database, dossier, a_move(document.id, "accepted", "sealed")))
            for _ in range(4)
        ]
    assert sorted(len(task.result()) for task in tasks) == [0, 0, 0, 1]
    async with database.transaction(dossier) as tx:
        assert len(await list_events(tx, document.id)) == 2
