"""The job behind a receipt: exact bytes, facts and timeline, once, and broken ones said to be."""

import asyncio
import gzip
import hashlib
import os
import random
from uuid import UUID

import pytest

from as4.compression import gzip_compress
from gateway.exchange.content import open_document
from gateway.exchange.delivery import ROWS_MAX
from gateway.exchange.measure import KEPT_BYTES_MAX, cut, measure_payload
from gateway.exchange.payload import read_payload
from gateway.store.documents import find_document, list_events
from gateway.store.messages import find_message
from tests.support.messages import (
    UBL_INVOICE,
    a_business_envelope,
    a_sealed_message,
    a_user_message,
)
from tests.support.reception import a_receiver
from ubl.errors import BadBusinessHeader

CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
INVOICE = (
    f'<Invoice xmlns="{UBL_INVOICE}" xmlns:cbc="{CBC}">\r\n <!-- é --><cbc:ID> F-1 </cbc:ID>'
    "<cbc:ID>second</cbc:ID></Invoice>"
).encode()


async def delivered(receiver):
    """Run the job; return the one document, its timeline and its message."""
    await receiver.deliver()
    [row] = await receiver.rows("SELECT id FROM documents")
    async with receiver.db.transaction(receiver.dossier_id) as tx:
        return (
            await find_document(tx, row["id"]),
            await list_events(tx, row["id"]),
            await find_message(tx, row["id"]),
        )


async def test_a_document_is_delivered_with_its_exact_bytes_and_facts(database, tmp_path):
    envelope = a_business_envelope(INVOICE)
    sealed = a_sealed_message(payload=gzip_compress(envelope))
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(sealed)
        document, events, message = await delivered(receiver)
        pieces = [
            piece
            async for piece in read_payload(receiver.archive, message, bytes_max=len(envelope))
        ]
        async with database.transaction(receiver.dossier_id) as tx:
            content = await open_document(tx, receiver.archive, document)
        assert b"".join([piece async for piece in content]) == INVOICE
    assert b"".join(pieces) == envelope
    assert document.status == "delivered"
    assert document.content_sha256 == hashlib.sha256(INVOICE).digest()
    assert (document.kind, document.number) == ("Invoice", "F-1")
    assert document.size_bytes == len(INVOICE)
    assert [event.name for event in events] == ["received", "delivered"]
    assert events[0].detail["message_id"] == sealed.message_id
    assert events[1].detail["envelope_sha256"] == hashlib.sha256(envelope).hexdigest()
    assert events[1].detail["document_sha256"] == hashlib.sha256(INVOICE).hexdigest()


async def test_running_the_job_again_changes_nothing(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_sealed_message(payload=gzip_compress(a_business_envelope(INVOICE))))
        first = await delivered(receiver)
        payload = {"documents": [[str(receiver.dossier_id), str(first[0].id)]]}
        await receiver.delivery().process_received(payload)
        assert await delivered(receiver) == first


async def test_a_batch_is_delivered_whole_whatever_was_done_of_it(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        for number in range(ROWS_MAX + 3):
            payload = gzip_compress(a_business_envelope(INVOICE, instance_identifier=str(number)))
            message = a_user_message(message_id=f"{number}@blue.example")
            await receiver.post(a_sealed_message(message, payload=payload))
        rows = await receiver.rows("SELECT dossier_id, id FROM documents ORDER BY id")
        named = [[str(row["dossier_id"]), str(row["id"])] for row in rows]
        await receiver.delivery().process_received({"documents": named[3:5]})
        await receiver.delivery().process_received({"documents": named})
        async with database.transaction(receiver.dossier_id) as tx:
            timelines = [await list_events(tx, row["id"]) for row in rows]
    assert [[event.name for event in events] for events in timelines] == [
        ["received", "delivered"] for _ in rows
    ]
    assert [[event.seq for event in events] for events in timelines] == [[1, 2] for _ in rows]


async def test_two_workers_at_once_deliver_once(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_sealed_message(payload=gzip_compress(a_business_envelope(INVOICE))))
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(receiver.deliver())
        _, events, _ = await delivered(receiver)
    assert [event.name for event in events] == ["received", "delivered"]


async def test_a_document_that_breaks_behind_its_start_tag_is_broken_with_the_reason(
    database, tmp_path
):
    broken = INVOICE.replace(b"</cbc:ID></Invoice>", b"</Invoice>")
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.post(
            a_sealed_message(payload=gzip_compress(a_business_envelope(broken)))
        )
        assert answer.verdict == "receipt"
        document, events, _ = await delivered(receiver)
    assert document.status == "broken"
    assert document.content_sha256 is not None
    assert [event.name for event in events] == ["received", "broken"]
    assert "mismatched tag (line 3" in events[1].detail["text"]


async def test_a_damaged_archive_shows_on_the_timeline(database, tmp_path):
    big = INVOICE.replace(b"F-1", os.urandom(800_000).hex().encode())
    async with a_receiver(database, tmp_path) as receiver:
        sealed = a_sealed_message(payload=gzip.compress(a_business_envelope(big), 0))
        assert (await receiver.post(sealed)).verdict == "receipt"
        [file] = [f for f in receiver.folder.rglob("*") if f.is_file()]
        data = bytearray(file.read_bytes())
        data[sealed.attachment_offset + 1000] ^= 1
        file.write_bytes(data)
        document, events, _ = await delivered(receiver)
    assert document.status == "broken"
    assert "cannot be opened" in events[1].detail["text"]


async def test_a_document_of_another_dossier_is_left_alone(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_sealed_message())
        [row] = await receiver.rows("SELECT id FROM documents")
        payload = {"documents": [[str(UUID(int=7)), str(row["id"])]]}
        await receiver.delivery().process_received(payload)
        [row] = await receiver.rows("SELECT status FROM documents")
        assert row["status"] == "received"


@pytest.mark.parametrize("size", [1, 7, 64, 4096, 10**9])
async def test_facts_do_not_depend_on_how_the_bytes_are_cut(size):
    envelope = a_business_envelope(INVOICE)
    measured = await measure_payload(lambda: pieces_of(envelope, size))
    assert envelope[measured.payload_offset : measured.payload_end] == INVOICE
    assert measured.document_sha256 == hashlib.sha256(INVOICE).digest()
    assert (measured.kind, measured.number, measured.problem) == ("Invoice", "F-1", "")


async def test_a_large_envelope_is_read_twice_and_measured_alike():
    filler = b"<cbc:Note>%s</cbc:Note></Invoice>" % (b"x" * 3 * KEPT_BYTES_MAX)
    invoice = INVOICE.replace(b"</Invoice>", filler)
    sources = []

    def source():
        sources.append(1)
        return pieces_of(a_business_envelope(invoice), 100_000)

    measured = await measure_payload(source)
    assert measured.document_sha256 == hashlib.sha256(invoice).digest()
    assert len(sources) == 2


async def test_a_broken_document_ends_where_its_envelope_does():
    envelope = a_business_envelope(INVOICE.replace(b"</Invoice>", b"</Oops>"))
    measured = await measure_payload(lambda: pieces_of(envelope, 100))
    assert measured.problem
    assert measured.payload_end == len(envelope)


async def test_an_envelope_without_header_is_no_document():
    with pytest.raises(BadBusinessHeader):
        await measure_payload(lambda: pieces_of(b"<x/>", 10))


async def test_a_cut_is_what_a_slice_would_be():
    data = bytes(range(200))
    chance = random.Random(1)
    for _ in range(200):
        start, end = sorted(chance.choices(range(201), k=2))
        found = cut(pieces_of(data, chance.randint(1, 50)), start, end)
        assert b"".join([piece async for piece in found]) == data[start:end]


async def pieces_of(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]
