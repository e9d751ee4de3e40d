import tracemalloc
from dataclasses import replace

import pytest

from as4.certificates import load_certificate
from gateway.exchange.preparation import read_references
from gateway.exchange.route import Route
from gateway.exchange.sealing import known_routing
from gateway.store.documents import find_content
from tests.support.peer import an_invoice
from tests.support.pki import leaf
from tests.support.sending import a_sender, hang_up
from ubl.errors import UblError
from ubl.routing import read_routing

SMALL = 1 << 16
MIB = 1 << 20
ROOT = an_invoice(number="2026-9").partition(b"?>")[2].strip()


@pytest.fixture
async def sender(database, tmp_path, receiver):
    async with a_sender(database, tmp_path, receiver, inline_bytes_max=SMALL) as sender:
        yield sender


async def kept(sender, data):
    archive = sender.outbound.archive
    spool = archive.open_spool(sender.clock.uuid().hex)
    for start in range(0, len(data), MIB):
        spool.write(data[start : start + MIB])
    return await spool.keep()


def cut(data):
    return data[data.index(b"<Invoice") : data.rindex(b"</Invoice>") + len(b"</Invoice>")]


async def a_large_one(sender, *, number="2026-9"):
    data = an_invoice(number=number, attachment_bytes=MIB)
    return data, await sender.accept(data, archive_file=await kept(sender, data))


async def test_a_large_document_travels_through_files_byte_for_byte(sender, receiver):
    data, ref = await a_large_one(sender)
    receiver.script = [hang_up()]
    assert (await sender.finish(ref)).status == "delivered"
    first, second = receiver.arrivals
    assert first.document == cut(data)
    assert first.wire == second.wire
    (message,) = await sender.messages(ref)
    assert message.wire is None
    assert sender.outbound.archive.size(message.wire_file) == message.wire_length
    assert message.wire_length == len(first.wire)


async def test_the_encryption_of_a_large_message_is_renewed_in_a_new_file(sender, receiver):
    data, ref = await a_large_one(sender)
    receiver.script = [hang_up()]
    await sender.run(ref)
    (before,) = await sender.messages(ref)
    receiver.renew("receiver-renewed")
    assert (await sender.finish(ref)).status == "delivered"
    (after,) = await sender.messages(ref)
    first, second = receiver.arrivals
    assert second.document == cut(data)
    assert (first.message_id, first.received.references) == (
        second.message_id,
        second.received.references,
    )
    assert after.wire_file != before.wire_file
    assert sender.outbound.archive.size(before.wire_file) is None
    assert sender.outbound.archive.size(after.wire_file) == after.wire_length


async def test_a_document_that_grows_over_the_bound_when_sealed_goes_to_a_file(sender, receiver):
    # Random base64 does not compress to under three quarters: the sealed body is over the bound.
    data = an_invoice(number="2026-5", attachment_bytes=46_000)
    assert len(data) <= SMALL + 2_000
    ref = await sender.accept(data)
    assert (await sender.finish(ref)).status == "delivered"
    assert receiver.arrivals[0].document == cut(data)


async def test_sealing_a_large_document_needs_memory_for_a_few_pieces_only(sender):
    data = an_invoice(number="2026-9", attachment_bytes=24 * MIB)
    ref = await sender.accept(data, archive_file=await kept(sender, data))
    document = await sender.document(ref)
    del data
    async with sender.db.transaction(ref.dossier_id) as tx:
        content = await find_content(tx, ref.document_id)
    route = Route("http://127.0.0.1/as4", load_certificate(leaf("receiver").certificate_der))
    tracemalloc.start()
    try:
        row = await sender.outbound.preparation.seal(document, content, "BE", route)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert row.body.wire_length > 24 * MIB
    assert peak < 6 * MIB


async def test_the_stored_references_are_those_that_were_signed(sender, receiver):
    ref = await sender.accept()
    await sender.finish(ref)
    (message,) = await sender.messages(ref)
    stored = read_references(message.signed_references)
    assert [each.meaning for each in stored] == [
        each.meaning for each in receiver.arrivals[0].received.references
    ]
    assert message.attachment_digest == stored[-1].digest_value


async def test_no_two_sealings_share_a_key_or_an_identifier(sender):
    route = Route("http://127.0.0.1/as4", load_certificate(leaf("receiver").certificate_der))
    ref = await sender.accept()
    document = await sender.document(ref)
    async with sender.db.transaction(ref.dossier_id) as tx:
        content = await find_content(tx, ref.document_id)
    one, other = [
        await sender.outbound.preparation.seal(document, content, "BE", route) for _ in range(2)
    ]
    assert one.message_id != other.message_id
    assert one.body.content_key != other.body.content_key
    assert one.body.content_type != other.body.content_type


async def test_a_broken_large_document_leaves_no_file(sender):
    archive = sender.outbound.archive
    data = an_invoice(number="2026-9", attachment_bytes=MIB)[:-20]
    name = await kept(sender, data)
    whole = an_invoice(number="2026-9")
    ref = await sender.accept(whole, archive_file=name)
    document = await sender.document(ref)
    async with sender.db.transaction(ref.dossier_id) as tx:
        content = await find_content(tx, ref.document_id)
    route = Route("http://127.0.0.1/as4", load_certificate(leaf("receiver").certificate_der))
    with pytest.raises(UblError):
        await sender.outbound.preparation.seal(document, content, "BE", route)
    assert archive.names() == [name]


@pytest.mark.parametrize("before", ["", "<?xml version='1.0'?>\n<!-- <Invoice/> -->\n", "\ufeff"])
async def test_what_was_noted_of_a_document_is_what_reading_it_again_gives(sender, before):
    ref = await sender.accept(before.encode() + ROOT + b"\n")
    document = await sender.document(ref)
    async with sender.db.transaction(ref.dossier_id) as tx:
        content = await find_content(tx, ref.document_id)
    read = read_routing(content.data)
    assert known_routing(document) == replace(read, number=None, issued_on=None)


async def test_a_document_of_which_it_was_not_noted_where_it_begins_is_read_again(sender, receiver):
    ref = await sender.accept(b"<!-- -->" + ROOT + b"\n", root_offset=None)
    assert known_routing(await sender.document(ref)) is None
    await sender.finish(ref)
    assert receiver.arrivals[0].document == ROOT
