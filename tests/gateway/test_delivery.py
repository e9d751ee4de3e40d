"""The job behind a receipt: exact bytes, facts and timeline, once, and broken ones said to be."""

import asyncio
import gzip
import hashlib
import os
import random
from datetime import timedelta
from uuid import UUID

import pytest

from as4.compression import gzip_compress
from gateway.errors import Unavailable
from gateway.exchange import delivery
from gateway.exchange.checking import Checking
from gateway.exchange.content import open_document
from gateway.exchange.delivery import CHECK_SECONDS_MAX, ROWS_MAX, SLOW_MAX
from gateway.exchange.measure import KEPT_BYTES_MAX, cut, measure_payload, replay
from gateway.exchange.payload import read_payload
from gateway.store.documents import find_document, list_events
from gateway.store.messages import find_message
from tests.support.checking import a_checker
from tests.support.messages import (
    UBL_INVOICE,
    a_business_envelope,
    a_sealed_message,
    a_user_message,
)
from tests.support.reception import a_receiver
from tests.support.store import until
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
    assert [event.name for event in events] == ["received", "checked", "delivered"]
    assert events[0].detail["message_id"] == sealed.message_id
    assert events[2].detail["envelope_sha256"] == hashlib.sha256(envelope).hexdigest()
    assert events[2].detail["document_sha256"] == hashlib.sha256(INVOICE).hexdigest()


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
        ["received", "checked", "delivered"] for _ in rows
    ]
    assert [[event.seq for event in events] for events in timelines] == [[1, 2, 3] for _ in rows]


class Picky(Checking):
    """Fails for the documents whose number it has an error for; the others it checks."""

    def __init__(self, errors):
        super().__init__(a_checker())
        self.errors = errors

    async def check(self, pieces, size_bytes, **given):
        data = b"".join([piece async for piece in pieces])
        for number, error in self.errors.items():
            if b"<cbc:ID> %s </cbc:ID>" % number.encode() in data:
                await error()
        return await super().check(replay(data), size_bytes, **given)


def failing(error):
    async def fail():
        raise error

    return fail


async def post_numbered(receiver, count):
    for at in range(count):
        invoice = INVOICE.replace(b" F-1 ", b" F-%d " % at)
        payload = gzip_compress(a_business_envelope(invoice, instance_identifier=str(at)))
        message = a_user_message(message_id=f"{at}@blue.example")
        await receiver.post(a_sealed_message(message, payload=payload))


async def numbers(receiver, status):
    query = "SELECT number FROM documents WHERE status = $1"
    async with receiver.db.transaction(receiver.dossier_id) as tx:
        return {row["number"] for row in await tx.connection.fetch(query, status)}


@pytest.mark.parametrize("error", [Unavailable("busy"), MemoryError(), ValueError("a bug")])
async def test_a_document_that_fails_does_not_take_the_others_with_it(database, tmp_path, error):
    async with a_receiver(database, tmp_path) as receiver:
        await post_numbered(receiver, 4)
        receiver.checking = Picky({"F-1": failing(error)})
        with pytest.raises(type(error)):
            await receiver.deliver()
        assert await numbers(receiver, "delivered") == {"F-0", "F-2", "F-3"}
        receiver.checking = None
        await receiver.deliver()
        assert len(await numbers(receiver, "delivered")) == 4


async def test_of_several_errors_the_one_that_passes_decides_about_the_job(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await post_numbered(receiver, 2)
        errors = {"F-0": failing(ValueError("a bug")), "F-1": failing(Unavailable("busy"))}
        receiver.checking = Picky(errors)
        with pytest.raises(Unavailable):
            await receiver.deliver()


async def test_documents_behind_slow_ones_are_delivered_before_them(database, tmp_path):
    others = {f"F-{at}" for at in range(SLOW_MAX, ROWS_MAX + 3)}
    go_on = asyncio.Event()
    async with a_receiver(database, tmp_path) as receiver, asyncio.TaskGroup() as group:
        await post_numbered(receiver, ROWS_MAX + 3)
        receiver.checking = Picky({f"F-{at}": go_on.wait for at in range(SLOW_MAX)})
        job = group.create_task(receiver.deliver())
        await until(lambda: all_delivered(receiver, others))
        assert not job.done()
        go_on.set()
        await job
        assert len(await numbers(receiver, "delivered")) == ROWS_MAX + 3


async def all_delivered(receiver, wanted):
    return await numbers(receiver, "delivered") == wanted


async def test_documents_that_are_ready_together_share_a_transaction(
    database, tmp_path, monkeypatch
):
    monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 60.0)
    together = []
    finish = delivery.finish_received

    async def finish_received(tx, finished, *, now):
        together.append(len(finished))
        return await finish(tx, finished, now=now)

    monkeypatch.setattr(delivery, "finish_received", finish_received)
    async with a_receiver(database, tmp_path) as receiver:
        await post_numbered(receiver, ROWS_MAX)
        await receiver.deliver()
    assert together == [ROWS_MAX]


async def test_what_cannot_be_checked_for_long_is_delivered_unchecked(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await post_numbered(receiver, 1)
        receiver.checking = Picky({"F-0": failing(Unavailable("no process can be started"))})
        receiver.clock.instant += timedelta(seconds=CHECK_SECONDS_MAX)
        document, events, _ = await delivered(receiver)
    assert (document.status, document.valid) == ("delivered", None)
    assert events[1].detail["text"] == "Not checked: no process can be started"


async def test_a_small_document_is_read_once(database, tmp_path, monkeypatch):
    reads = []
    read = delivery.read_payload
    monkeypatch.setattr(
        delivery, "read_payload", lambda *given, **named: reads.append(1) or read(*given, **named)
    )
    async with a_receiver(database, tmp_path) as receiver:
        await post_numbered(receiver, 1)
        await receiver.deliver()
    assert len(reads) == 1


async def test_two_workers_at_once_deliver_once(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_sealed_message(payload=gzip_compress(a_business_envelope(INVOICE))))
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(receiver.deliver())
        _, events, _ = await delivered(receiver)
    assert [event.name for event in events] == ["received", "checked", "delivered"]


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
