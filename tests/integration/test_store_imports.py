"""Imports and numbers in the database: moved by compare-and-set, found by their indexes."""

import asyncio

import asyncpg
import pytest

from gateway.store import imports
from gateway.store.documents import Cursor, insert_document
from gateway.store.imports import Place, Result
from gateway.store.leftovers import UNNAMED
from gateway.store.numbers import Number, hold_number
from tests.support.database import plan_of
from tests.support.imports import an_import
from tests.support.store import CLOCK, NOW, a_document, a_dossier, execute, later

NUMBER = Number("0208:0123456749", "Invoice", "2026-1", 2026)
FILL = """
WITH made AS (
    INSERT INTO imports (id, dossier_id, status, media_type, file, size_bytes, language, duplicate,
        total, accepted, refused, next_offset, next_position, created_at, updated_at)
    SELECT gen_random_uuid(), $1, 'done', '', NULL, 1, 'en', false, 1, 1, 0, 1, 2,
        $2::timestamptz + n * interval '1s', $2 FROM generate_series(1, 3000) n
    RETURNING id
), results AS (
    INSERT INTO import_results (import_id, position, dossier_id, document_id)
    SELECT id, n, $1, id FROM made, generate_series(1, 3) n
), documents AS (
    INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
        process, flags, options, content, created_at, updated_at)
    SELECT id, $1, 'out', 'failed', '', '', '', '', '{}', '{}', '', $2, $2 FROM made
), messages AS (
    INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap,
        receiving_ap, identity, instance, document_digest, attachment_digest, content_type,
        wire, wire_length, attachment_offset, attachment_length, transfer_encoding, content_key,
        compressed, created_at)
    SELECT id, $1, id, 'out', id::text, '', '', id::text::bytea, '', '', '', '', '', 0, 0, 0, '',
        '', true, $2 FROM made
), attempts AS (
    INSERT INTO attempts (message_row_id, number, dossier_id, started_at)
    SELECT id, 1, $1, $2 FROM made
)
INSERT INTO document_numbers SELECT $1, '0208:1', 'Invoice', id::text, 2026, id FROM made
"""


@pytest.fixture
async def full(database, dsn):
    dossier_id = await a_dossier(database)
    connection = await asyncpg.connect(dsn)
    await connection.execute(FILL, dossier_id, NOW)
    await connection.execute("ANALYZE")
    await connection.close()
    return dossier_id


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (
            lambda tx: imports.list_imports(tx, limit=5, before=Cursor(later(9), CLOCK.uuid())),
            "imports_newest",
        ),
        (
            lambda tx: imports.list_results(tx, CLOCK.uuid(), limit=5, after=1),
            "import_results_pkey",
        ),
        (imports.count_unfinished, "imports_unfinished"),
        (lambda tx: imports.find_import(tx, CLOCK.uuid()), "imports_pkey"),
        (
            lambda tx: imports.record_result(
                tx,
                CLOCK.uuid(),
                Result(position=1, problem="{}"),
                at=Place(0, 1),
                then=Place(1, 2),
                now=NOW,
            ),
            "imports_pkey",
        ),
        (lambda tx: hold_number(tx, NUMBER, CLOCK.uuid()), "document_numbers_pkey"),
    ],
    ids=["a page", "results", "unfinished", "one", "progress", "a number"],
)
async def test_what_is_asked_often_is_found_by_an_index(database, full, call, index):
    async with database.transaction(full) as tx:
        plan = await plan_of(tx.connection, call(tx))
    assert index in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


async def test_whether_a_file_is_in_use_is_found_by_an_index(database, full):
    async with database.exchange_statements() as xtx:
        plan = await plan_of(xtx.connection, xtx.connection.fetch(UNNAMED, ["x"]))
    assert "imports_file" in plan


async def test_an_import_is_found_as_it_was_stored(database):
    dossier = await a_dossier(database)
    new = an_import(dossier_id=dossier, language="nl", duplicate=True)
    async with database.transaction(dossier) as tx:
        await imports.insert_import(tx, new)
        assert await imports.find_import(tx, new.id) == new
        assert await imports.count_unfinished(tx) == 1


async def test_progress_is_recorded_once_for_each_place(database):
    dossier = await a_dossier(database)
    new, result = an_import(), Result(position=1, name="a.xml", problem="{}")

    async def record():
        async with database.transaction(dossier) as tx:
            return await imports.record_result(
                tx, new.id, result, at=Place(0, 1), then=Place(7, 2), now=NOW
            )

    async with database.transaction(dossier) as tx:
        await imports.insert_import(tx, new)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(record()) for _ in range(4)]
    assert sorted(str(task.result()) for task in tasks) == ["None", "None", "None", "running"]
    async with database.transaction(dossier) as tx:
        found = await imports.find_import(tx, new.id)
        assert (found.status, found.accepted, found.refused) == ("running", 0, 1)
        assert found.next == Place(7, 2)
        assert await imports.list_results(tx, new.id, limit=5) == [result]


async def test_what_is_done_moves_no_more(database):
    dossier = await a_dossier(database)
    new = an_import()
    async with database.transaction(dossier) as tx:
        await imports.insert_import(tx, new)
        await imports.finish_import(tx, new.id, now=NOW)
        result = Result(position=1, problem="{}")
        place = Place(0, 1)
        assert not await imports.record_result(tx, new.id, result, at=place, then=place, now=NOW)
        found = await imports.find_import(tx, new.id)
    assert (found.status, found.file) == ("done", None)


async def test_no_other_dossier_reaches_an_import_or_a_number(database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    new, document = an_import(), CLOCK.uuid()
    async with database.transaction(ours) as tx:
        await imports.insert_import(tx, new)
        assert await hold_number(tx, NUMBER, document) is None
    async with database.transaction(theirs) as tx:
        assert await imports.find_import(tx, new.id) is None
        assert await imports.list_imports(tx, limit=5) == []
        result = Result(position=1, problem="{}")
        assert not await imports.record_result(
            tx, new.id, result, at=new.next, then=Place(1, 2), now=NOW
        )
        assert await hold_number(tx, NUMBER, CLOCK.uuid()) is None


async def test_a_number_goes_to_one_of_those_that_ask_at_once(database):
    dossier = await a_dossier(database)

    async def hold(document):
        async with database.transaction(dossier) as tx:
            return await hold_number(tx, NUMBER, document)

    documents = [CLOCK.uuid() for _ in range(5)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hold(each)) for each in documents]
    holders = [task.result() for task in tasks]
    winner = documents[holders.index(None)]
    assert holders.count(None) == 1
    assert {each for each in holders if each is not None} == {winner}


async def test_of_those_that_take_over_a_failed_ones_number_at_once_one_has_it(database):
    dossier, failed = await a_dossier(database), a_document(status="accepted")
    async with database.transaction(dossier) as tx:
        await insert_document(tx, failed)
        await hold_number(tx, NUMBER, failed.id)
    await execute(database, dossier, "UPDATE documents SET status = 'failed'")

    async def take_over(document):
        async with database.transaction(dossier) as tx:
            await insert_document(tx, document)
            return await hold_number(tx, NUMBER, document.id)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(take_over(a_document())) for _ in range(4)]
    assert [task.result() for task in tasks].count(None) == 1
