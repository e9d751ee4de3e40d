"""What a person decides about a document whose sending has stopped, and what follows from it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from as4 import errors
from gateway.errors import Fault
from gateway.exchange.decisions import cancel_sending, retry_sending
from gateway.exchange.rehearsal import RECIPIENTS, Case
from gateway.exchange.states import Status
from gateway.store.documents import insert_document
from gateway.store.numbers import Number, hold_number
from smp.errors import ParticipantAbsent
from tests.support.api import SENDER, an_invoice, another_dossier, ask, count, post
from tests.support.database import WAITING
from tests.support.sending import AccessPoint, access_points, error, hang_up, plain, receipt
from tests.support.store import NOW, a_document, execute, until

OF_CASE = {case: receiver for receiver, case in RECIPIENTS.items()}


async def decide(sender, ref, decision):
    async with sender.db.transaction(ref.dossier_id) as tx:
        await decision(tx, ref.document_id, now=sender.clock.now())


async def refused(sender, ref, decision):
    with pytest.raises(Fault) as caught:
        await decide(sender, ref, decision)
    return caught.value.code


async def one_that_waits(sender, receiver, moved):
    """A document whose first attempt broke off, and whose receiver then moved."""
    receiver.script = [hang_up()]
    ref = await sender.accept()
    await sender.run(ref)
    sender.directory.where = moved
    assert (await sender.finish(ref)).status == "waiting"
    return ref


async def test_one_that_waits_is_sent_on_to_the_new_access_point_as_a_new_message(sender, receiver):
    moved = AccessPoint("third")
    async with access_points(moved):
        ref = await one_that_waits(sender, receiver, moved)
        await decide(sender, ref, retry_sending)
        document = await sender.finish(ref)
    assert document.status == "delivered"
    (old,), (new,) = receiver.arrivals, moved.arrivals
    assert old.message_id != new.message_id
    assert old.header.instance_identifier == new.header.instance_identifier
    names = await sender.names(ref)
    assert names[names.index("waiting") + 1 : names.index("waiting") + 4] == [
        "retried", "looked_up", "sealed_anew",
    ]  # fmt: skip


async def test_one_that_waits_goes_to_the_first_access_point_again_as_the_same_message(
    sender, receiver
):
    moved = AccessPoint("third")
    async with access_points(moved):
        ref = await one_that_waits(sender, receiver, moved)
        sender.directory.where = receiver
        await decide(sender, ref, retry_sending)
        assert (await sender.finish(ref)).status == "delivered"
    first, again = receiver.arrivals
    assert first.wire == again.wire
    assert moved.arrivals == []


async def test_what_the_peer_says_it_has_is_uncertain_after_a_decision_too(sender, receiver):
    moved = AccessPoint("third")
    async with access_points(moved):
        ref = await one_that_waits(sender, receiver, moved)
        sender.directory.where = receiver
        receiver.script = [error(errors.Other)]
        await decide(sender, ref, retry_sending)
        assert (await sender.finish(ref)).status == "uncertain"


async def test_one_decision_is_for_one_move(sender, receiver):
    """The new access point may have it as well now: before another move it is asked again."""
    moved = AccessPoint("third")
    async with access_points(moved):
        ref = await one_that_waits(sender, receiver, moved)
        moved.script = [hang_up()]
        await decide(sender, ref, retry_sending)
        await sender.run(ref)
        sender.directory.where = receiver
        assert (await sender.finish(ref)).status == "waiting"
    assert len(receiver.arrivals) == 1


async def test_a_decision_that_broke_off_at_the_first_access_point_is_used_up(sender, receiver):
    moved = AccessPoint("third")
    async with access_points(moved):
        ref = await one_that_waits(sender, receiver, moved)
        sender.directory.where = receiver
        receiver.script = [hang_up()]
        await decide(sender, ref, retry_sending)
        await sender.run(ref)
        sender.directory.where = moved
        assert (await sender.finish(ref)).status == "waiting"
    assert moved.arrivals == []


async def test_one_that_waits_can_be_cancelled_and_keeps_its_number(sender, receiver):
    moved = AccessPoint("third")
    async with access_points(moved):
        ref = await one_that_waits(sender, receiver, moved)
        await decide(sender, ref, cancel_sending)
        assert (await sender.finish(ref)).status == "failed"
    last = await sender.last(ref)
    assert (last.name, last.detail["code"]) == ("failed", "cancelled")
    assert last.detail["may_have_arrived"] is True
    assert moved.arrivals == []


async def test_one_given_up_is_tried_again_with_the_same_bytes_and_the_whole_time(sender, receiver):
    receiver.script = [plain(500)] * 100
    ref = await sender.accept()
    assert (await sender.finish(ref, runs_max=60)).status == "gave_up"
    tried = len(receiver.arrivals)
    receiver.script = [plain(500), plain(500)]
    sender.clock.instant += timedelta(days=3)
    await decide(sender, ref, retry_sending)
    assert (await sender.finish(ref)).status == "delivered"
    assert len(receiver.arrivals) == tried + 3
    assert len({arrival.wire for arrival in receiver.arrivals}) == 1


async def test_refusals_before_a_decision_do_not_count_after_it(sender, receiver):
    receiver.script = [plain(400)] * 100
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "gave_up"
    receiver.script = [plain(400), receipt()]
    await decide(sender, ref, retry_sending)
    assert (await sender.finish(ref)).status == "delivered"


async def test_one_that_failed_before_it_was_sealed_is_sealed_now(sender, receiver):
    sender.directory.where = ParticipantAbsent("it is not registered")
    ref = await sender.accept()
    assert (await sender.finish(ref)).status == "failed"
    sender.directory.where = receiver
    await decide(sender, ref, retry_sending)
    assert (await sender.document(ref)).status == "accepted"
    assert (await sender.finish(ref)).status == "delivered"
    assert len(receiver.arrivals) == 1


async def test_a_retry_is_queued_with_the_decision(sender, receiver, dsn):
    sender.directory.where = ParticipantAbsent("it is not registered")
    ref = await sender.accept()
    await sender.finish(ref)
    await decide(sender, ref, retry_sending)
    assert await count(dsn, "pgqueuer") == 1


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RECEIVED, Status.BROKEN}))
async def test_only_what_has_stopped_is_decided(sender, status):
    ref = await sender.accept(number=f"N-{status}")
    await execute(
        sender.db, ref.dossier_id, "UPDATE documents SET status = $2 WHERE id = $1",
        ref.document_id, status,
    )  # fmt: skip
    if status is not Status.WAITING:
        assert await refused(sender, ref, cancel_sending) == "nothing-to-decide"
        assert (await sender.document(ref)).status == status
    if status in {Status.FAILED, Status.GAVE_UP}:
        await decide(sender, ref, retry_sending)
    if status is Status.WAITING:
        await decide(sender, ref, cancel_sending)
        await decide(sender, ref, retry_sending)
    assert await refused(sender, ref, retry_sending) == "nothing-to-decide"


@pytest.fixture
async def waiting(api):
    """A document of the API's dossier that waits, without a message."""
    _, _, document = await post(api, an_invoice())
    return await stop(api, document, "waiting")


async def stop(api, document, status):
    statement = "UPDATE documents SET status = $2 WHERE id = $1"
    await execute(api.services.db, api.dossier, statement, document["id"], status)
    return f"/v1/documents/{document['id']}"


@pytest.mark.usefixtures("registered")
async def test_software_decides_over_http(api, waiting):
    for decision, then in (("cancel", "failed"), ("retry", "accepted")):
        status, _, document = await ask(api, "POST", f"{waiting}/{decision}")
        assert (status, document["status"]) == (200, then)
    status, _, problem = await ask(api, "POST", f"{waiting}/cancel")
    assert (status, problem["code"]) == (409, "nothing-to-decide")
    assert "accepted" in problem["detail"]


@pytest.mark.usefixtures("registered")
async def test_a_repeated_key_decides_once(api, waiting):
    again = {"headers": {"Idempotency-Key": "once"}}
    first = await ask(api, "POST", f"{waiting}/cancel", **again)
    second = await ask(api, "POST", f"{waiting}/cancel", **again)
    assert first[0] == second[0] == 200
    assert first[2] == second[2]
    _, _, timeline = await ask(api, "GET", f"{waiting}/timeline")
    assert [each["name"] for each in timeline["events"]][2:] == ["failed"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("decision", ["retry", "cancel"])
async def test_another_dossiers_document_is_not_there(api, database, waiting, decision):
    key = await another_dossier(database)
    status, _, problem = await ask(api, "POST", f"{waiting}/{decision}", key=key)
    assert (status, problem["code"]) == (404, "document-not-found")


@pytest.mark.usefixtures("registered")
async def test_one_whose_number_went_out_on_another_document_is_not_tried_again(api):
    _, _, first = await post(api, an_invoice())
    path = await stop(api, first, "failed")
    status, _, second = await post(api, an_invoice(note="mended"))
    assert status == 202
    status, _, problem = await ask(api, "POST", f"{path}/retry")
    assert (status, problem["code"]) == (409, "duplicate-number")
    assert second["id"] in problem["detail"]
    await stop(api, second, "failed")
    status, _, _ = await ask(api, "POST", f"/v1/documents/{second['id']}/retry")
    assert status == 200


def waits_or_ended(dsn, task):
    """A condition: *task* waits for a row that another transaction holds, or it has ended."""

    async def condition():
        connection = await asyncpg.connect(dsn)
        try:
            return task.done() or await connection.fetchval(WAITING)
        finally:
            await connection.close()

    return condition


@pytest.mark.usefixtures("registered")
async def test_a_number_is_not_taken_from_one_that_is_being_tried_again(api, database, dsn):
    _, _, first = await post(api, an_invoice())
    await stop(api, first, "failed")
    async with database.transaction(api.dossier) as tx:
        await retry_sending(tx, UUID(first["id"]), now=NOW)
        other = asyncio.create_task(post(api, an_invoice(note="mended")))
        await until(waits_or_ended(dsn, other))
    status, _, problem = await other
    assert (status, problem["code"]) == (409, "duplicate-number")


@pytest.mark.usefixtures("registered")
async def test_one_whose_number_is_being_taken_waits_and_is_not_tried_again(api, database, dsn):
    _, _, first = await post(api, an_invoice())
    path = await stop(api, first, "failed")
    number = Number(SENDER, "Invoice", "2026-1", 2026)
    async with database.transaction(api.dossier) as tx:
        taker = a_document()
        await insert_document(tx, taker)
        assert await hold_number(tx, number, taker.id) is None
        again = asyncio.create_task(ask(api, "POST", f"{path}/retry"))
        await until(waits_or_ended(dsn, again))
    status, _, problem = await again
    assert (status, problem["code"]) == (409, "duplicate-number")
    assert (await ask(api, "GET", path))[2]["status"] == "failed"


async def test_the_recipient_that_waits_is_delivered_once_somebody_decided(sender):
    ref = await sender.accept(an_invoice(receiver=OF_CASE[Case.WAITING]))
    assert (await sender.finish(ref)).status == "waiting"
    await decide(sender, ref, retry_sending)
    assert (await sender.finish(ref)).status == "delivered"
