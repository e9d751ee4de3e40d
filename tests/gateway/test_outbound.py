import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from as4 import errors
from gateway.errors import Fault, Kind
from gateway.exchange.retry import HTTP_REFUSALS_MAX
from gateway.store.sendings import move_documents
from tests.support.peer import an_invoice
from tests.support.pki import leaf
from tests.support.sending import (
    AccessPoint,
    access_points,
    error,
    hang_up,
    plain,
)
from tests.support.store import a_move
from tests.support.web import free_port


async def test_a_document_arrives_byte_for_byte_and_its_receipt_is_kept(sender, receiver):
    data = b"\xef\xbb\xbf" + an_invoice(number="2026-7") + b"\n<!-- the end -->\n"
    ref = await sender.accept(data)

    document = await sender.finish(ref)

    (arrival,) = receiver.arrivals
    assert document.status == "delivered"
    assert arrival.document == data[data.index(b"<Invoice") : data.rindex(b"</Invoice>") + 10]
    (message,) = await sender.messages(ref)
    assert message.wire == arrival.wire
    assert message.receipt is not None
    assert await sender.names(ref) == ["looked_up", "sealed", "sending", "delivered"]


async def test_the_header_says_what_the_document_and_the_dossier_say(sender, receiver):
    document = await sender.finish(await sender.accept())
    (arrival,) = receiver.arrivals
    header, message = arrival.header, arrival.received.user_message
    assert header.country_c1 == "BE"
    assert header.sender.key == document.sender == message.original_sender.key
    assert header.receiver.key == document.receiver == message.final_recipient.key
    assert header.document_type.uri == document.document_type == message.action
    assert header.process.uri == document.process
    assert header.instance_identifier == document.instance_identifier
    assert message.from_party == "PBE000001"
    assert message.to_party == "PBE000002"
    assert message.message_id.endswith("@blue.example")


async def test_another_certificate_of_the_seat_renews_the_encryption_alone(sender, receiver):
    receiver.script = [hang_up()]
    ref = await sender.accept()
    await sender.run(ref)
    receiver.renew("receiver-renewed")

    document = await sender.finish(ref)

    first, second = receiver.arrivals
    assert document.status == "delivered"
    assert first.message_id == second.message_id
    assert first.received.references == second.received.references
    assert first.wire != second.wire
    assert first.document == second.document
    (message,) = await sender.messages(ref)
    assert message.endpoint_certificate == leaf("receiver-renewed").certificate_der
    assert "encryption_renewed" in await sender.names(ref)


async def test_another_access_point_gets_a_new_message_when_nothing_reached_the_first(
    sender, receiver
):
    gone = AccessPoint(url=f"http://127.0.0.1:{free_port()}/as4")
    moved = AccessPoint("third")
    sender.directory.where = gone
    ref = await sender.accept()
    await sender.run(ref)
    async with access_points(moved):
        sender.directory.where = moved
        document = await sender.finish(ref)
    first, second = await sender.messages(ref)
    assert document.status == "delivered"
    assert moved.message_ids == [second.message_id] != [first.message_id]
    assert (first.receiving_ap, second.receiving_ap) == ("PBE000002", "PBE000003")
    assert moved.arrivals[0].header.instance_identifier == document.instance_identifier
    assert "sealed_anew" in await sender.names(ref)
    failed = next(event for event in await sender.events(ref) if event.name == "will_retry")
    assert (failed.detail["kind"], failed.detail["phase"]) == ("not-connected", "connect")


async def test_another_access_point_gets_a_new_message_after_a_signed_refusal(sender, receiver):
    moved = AccessPoint("third")
    async with access_points(moved):
        sender.directory.where = lambda refresh: moved if refresh else receiver
        receiver.script = [error(errors.NotServed)]
        ref = await sender.accept()
        document = await sender.finish(ref)
    assert document.status == "delivered"
    (old,), (new,) = receiver.arrivals, moved.arrivals
    assert old.message_id != new.message_id
    assert old.header.instance_identifier == new.header.instance_identifier


async def test_after_an_unknown_outcome_another_access_point_waits_for_a_person(sender, receiver):
    receiver.script = [hang_up()]
    ref = await sender.accept()
    await sender.run(ref)
    moved = AccessPoint("third")
    async with access_points(moved):
        sender.directory.where = moved
        document = await sender.finish(ref)
    last = await sender.last(ref)
    assert document.status == "waiting"
    assert last.detail["kind"] == "other-access-point"
    assert last.detail["may_have_arrived"] is True
    assert moved.arrivals == []


async def test_the_same_access_point_at_another_address_gets_the_same_bytes(sender, receiver):
    receiver.script = [hang_up()]
    ref = await sender.accept()
    await sender.run(ref)
    elsewhere = AccessPoint()
    async with access_points(elsewhere):
        sender.directory.where = elsewhere
        assert (await sender.finish(ref)).status == "delivered"
    assert receiver.arrivals[0].wire == elsewhere.arrivals[0].wire
    (message,) = await sender.messages(ref)
    assert message.endpoint_address == elsewhere.url


async def test_it_gives_up_when_its_time_is_over(sender, receiver):
    receiver.script = [plain(500)] * 100
    ref = await sender.accept()
    started = sender.clock.instant
    document = await sender.finish(ref, runs_max=60)
    assert document.status == "gave_up"
    tried = sender.clock.instant - started
    assert timedelta(days=1) <= tried < timedelta(days=1, seconds=1)
    assert (await sender.last(ref)).detail["may_have_arrived"] is True
    assert len(set(receiver.message_ids)) == 1


async def test_plain_http_refusals_are_tried_a_few_times(sender, receiver):
    receiver.script = [plain(400)] * 100
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "gave_up"
    assert len(receiver.arrivals) == HTTP_REFUSALS_MAX


async def test_a_document_that_is_none_fails_it(sender, receiver):
    ref = await sender.accept(content=b"<Invoice/>", root_offset=None)
    assert (await sender.finish(ref)).status == "failed"
    assert (await sender.last(ref)).detail["phase"] == "document"


async def test_the_proof_is_kept_with_the_message(sender, receiver):
    ref = await sender.accept()
    await sender.finish(ref)
    (message,) = await sender.messages(ref)
    (attempt,) = await sender.attempts(ref)
    assert message.signed_metadata == b"<signed/>"
    assert message.smp_url == "https://smp.example"
    assert message.endpoint_address == receiver.url
    assert message.endpoint_certificate == receiver.certificate
    assert message.receipt.startswith(b"<")
    assert message.receipt_content_type.startswith("application/soap+xml")
    assert (attempt.outcome, attempt.answer) == ("receipt", message.receipt)


async def test_a_document_that_is_done_is_left_alone(sender, receiver):
    ref = await sender.accept()
    await sender.finish(ref)
    assert await sender.run(ref) is None
    assert len(receiver.arrivals) == 1


class CountingDatabase:
    """A database that counts its transactions."""

    def __init__(self, db):
        self.db, self.count = db, 0

    def transaction(self, dossier_id):
        self.count += 1
        return self.db.transaction(dossier_id)


async def test_documents_that_are_sent_at_the_same_time_share_transactions(sender, receiver):
    refs = [await sender.accept(an_invoice(number=f"2026-{n}")) for n in range(12)]
    db = CountingDatabase(sender.db)
    outbound = replace(sender.outbound, db=db)
    async with asyncio.TaskGroup() as group:
        for ref in refs:
            group.create_task(sender.run(ref, outbound))
    assert {(await sender.document(ref)).status for ref in refs} == {"delivered"}
    assert len({arrival.message_id for arrival in receiver.arrivals}) == 12
    assert db.count < 12  # three for each, if each had its own


async def test_one_of_many_that_fails_fails_alone(sender, receiver):
    good = [await sender.accept(an_invoice(number=f"2026-{n}")) for n in range(3)]
    bad = await sender.accept(content=b"<Invoice/>", root_offset=None)
    async with asyncio.TaskGroup() as group:
        for ref in (*good, bad):
            group.create_task(sender.run(ref))
    assert {(await sender.document(ref)).status for ref in good} == {"delivered"}
    assert (await sender.document(bad)).status == "failed"


async def test_a_document_that_moved_on_meanwhile_is_not_sent(sender, receiver):
    ref = await sender.accept()

    class Meanwhile:
        """A look-up during which somebody else ends the document."""

        async def lookup(self, *wanted, **how):
            async with sender.db.transaction(ref.dossier_id) as tx:
                await move_documents(tx, [a_move(ref.document_id, "accepted", "failed")])
            return await sender.directory.lookup(*wanted, **how)

    with pytest.raises(Fault) as fault:
        await sender.run(ref, replace(sender.outbound, finder=Meanwhile()))
    assert (fault.value.kind, fault.value.code) == (Kind.CONFLICT, "status-changed")
    assert receiver.arrivals == []
    assert await sender.messages(ref) == []
