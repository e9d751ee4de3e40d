"""What is stored of sealed messages, and of the attempts to send them."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import asyncpg
import pytest

from gateway.store.documents import insert_document
from gateway.store.messages import (
    Ending,
    find_message,
    finish_attempts,
    insert_sealed,
    list_attempts,
    start_attempts,
)
from tests.support.database import WAITING
from tests.support.store import (
    CLOCK,
    NOW,
    a_document,
    a_dossier,
    a_sealed_row,
    a_sealed_wire,
    count_orphans,
    later,
    until,
)


async def test_a_sealed_message_keeps_its_identity_when_its_encryption_is_renewed(database):
    dossier = await a_dossier(database)
    document, row = a_document(), None
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        row = a_sealed_row(document.id)
        await insert_sealed(tx, [row])
        body = a_sealed_wire(wire=b"renewed", endpoint_certificate=b"new")
        await insert_sealed(tx, [], renewed={row.message_row_id: body})
        message = await find_message(tx, document.id)

    assert message.message_id == row.message_id
    assert message.wire == b"renewed"
    assert message.endpoint_certificate == b"new"
    assert message.signed_references == row.signed_references
    assert message.signed_metadata == row.body.signed_metadata


async def test_the_last_sealed_message_is_the_one_that_carries_the_document(database):
    dossier = await a_dossier(database)
    document = a_document()
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        first, second = a_sealed_row(document.id), a_sealed_row(document.id, sealed_at=later(1))
        await insert_sealed(tx, [first, second])
        assert (await find_message(tx, document.id)).id == second.message_row_id


async def test_attempts_are_numbered_and_an_interrupted_one_has_no_outcome(database):
    dossier = await a_dossier(database)
    document = a_document()
    row = a_sealed_row(document.id)
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        await insert_sealed(tx, [row])
    async with database.transaction(dossier) as tx:
        assert await start_attempts(tx, [row.message_row_id], now=later(1)) == {
            row.message_row_id: 2
        }
        refused = Ending(
            message_row_id=row.message_row_id,
            number=2,
            at=later(2),
            outcome="refusal",
            answer=b"<Envelope/>",
            answer_content_type="text/xml",
        )
        await finish_attempts(tx, [refused])
        first, second = await list_attempts(tx, row.message_row_id)
        message = await find_message(tx, document.id)

    assert (first.started_at, first.outcome, first.finished_at) == (NOW, None, None)
    assert (second.started_at, second.outcome, second.finished_at) == (
        later(1),
        "refusal",
        later(2),
    )
    assert (second.answer, second.answer_content_type) == (b"<Envelope/>", "text/xml")
    assert (message.attempt_count, message.receipt) == (2, None)


async def test_the_receipt_for_a_message_is_the_answer_to_its_attempt(database):
    dossier = await a_dossier(database)
    sent = [a_document() for _ in range(3)]
    rows = [a_sealed_row(document.id) for document in sent]
    endings = [
        Ending(
            message_row_id=row.message_row_id,
            number=1,
            at=later(1),
            outcome="receipt",
            answer=b"<R/>" + row.message_row_id.bytes,
            answer_content_type="application/soap+xml",
        )
        for row in rows[:2]
    ]
    async with database.transaction(dossier) as tx:
        for document in sent:
            await insert_document(tx, document)
        await insert_sealed(tx, rows)
        await finish_attempts(tx, endings)
        kept = [await find_message(tx, document.id) for document in sent]
        attempts = [(await list_attempts(tx, row.message_row_id))[0] for row in rows]

    assert [one.receipt for one in kept] == [endings[0].answer, endings[1].answer, None]
    assert [one.receipt_content_type for one in kept] == ["application/soap+xml"] * 2 + [None]
    assert [one.outcome for one in attempts] == ["receipt", "receipt", None]
    assert [one.answer for one in attempts] == [endings[0].answer, endings[1].answer, None]


async def test_the_answer_of_an_smp_is_kept_once_for_all_messages(database):
    dossiers = [await a_dossier(database) for _ in range(2)]
    for dossier in dossiers:
        sent = [a_document() for _ in range(3)]
        rows = [
            a_sealed_row(document.id, body=replace(a_sealed_wire(), signed_metadata=answer))
            for document, answer in zip(sent, (b"<one/>", b"<two/>", None), strict=True)
        ]
        async with database.transaction(dossier) as tx:
            for document in sent:
                await insert_document(tx, document)
            await insert_sealed(tx, rows)
            kept = [(await find_message(tx, document.id)).signed_metadata for document in sent]
            stored = await tx.connection.fetch("SELECT body FROM smp_answers ORDER BY body")
        assert kept == [b"<one/>", b"<two/>", None]
        assert [row["body"] for row in stored] == [b"<one/>", b"<two/>"]


async def test_answers_are_kept_in_one_order_for_new_messages_and_renewed_ones(database, dsn):
    dossier = await a_dossier(database)
    documents = [a_document(), a_document()]
    first, second = sorted((b"<one/>", b"<two/>"), key=lambda answer: sha256(answer).digest())
    old = a_sealed_row(documents[0].id, body=a_sealed_wire(signed_metadata=None))
    new = a_sealed_row(documents[1].id, body=a_sealed_wire(signed_metadata=second))
    async with database.transaction(dossier) as tx:
        for document in documents:
            await insert_document(tx, document)
        await insert_sealed(tx, [old])

    async def renew():
        async with database.transaction(dossier) as tx:
            body = a_sealed_wire(signed_metadata=first)
            await insert_sealed(tx, [new], renewed={old.message_row_id: body})

    async def someone_waits():
        return await one.fetchval(WAITING)

    keep = "INSERT INTO smp_answers (sha256, body) VALUES ($1, $2)"
    one = await asyncpg.connect(dsn)
    async with asyncio.TaskGroup() as group:
        async with one.transaction():
            await one.execute(keep, sha256(first).digest(), first)
            renewing = group.create_task(renew())
            await until(someone_waits)
            # Whoever waits for the first answer has not taken the second.
            await one.execute(keep, sha256(second).digest(), second)
        await renewing
    await one.close()


async def test_an_attempt_at_a_foreign_message_is_refused(database):
    dossier, other = await a_dossier(database), await a_dossier(database)
    document = a_document()
    row = a_sealed_row(document.id)
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        await insert_sealed(tx, [row])
    async with database.transaction(other) as tx:
        with pytest.raises(LookupError):
            await start_attempts(tx, [row.message_row_id], now=NOW)


async def test_rows_without_a_parent_are_counted(database, dsn):
    dossier = await a_dossier(database)
    document = a_document()
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        await insert_sealed(tx, [a_sealed_row(document.id)])
    assert await count_orphans(dsn) == 0

    async with database.transaction(dossier) as tx:
        await insert_sealed(tx, [a_sealed_row(CLOCK.uuid())])
    assert await count_orphans(dsn) == 1
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE messages SET id = gen_random_uuid()")
    assert await count_orphans(dsn) == 1 + 2
    await connection.execute("UPDATE documents SET dossier_id = gen_random_uuid()")
    assert await count_orphans(dsn) == 1 + 2 + 2
    await connection.execute("DELETE FROM smp_answers")
    assert await count_orphans(dsn) == 1 + 2 + 2 + 2
    await connection.close()
