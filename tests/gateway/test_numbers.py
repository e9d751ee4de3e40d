"""A document that was sent before is not sent again by mistake: sender, kind, number, year."""

import asyncio
import re
from uuid import UUID

import pytest

from gateway.errors import Fault, Kind
from gateway.exchange.numbers import guard_number, number_of
from gateway.exchange.retry import RULES, Reach, What
from gateway.exchange.states import FINAL, Status
from gateway.store.messages import Ending, finish_attempts, insert_sealed
from tests.support.api import RECEIVER, SENDER, an_invoice, another_dossier, ask, count, post
from tests.support.store import CLOCK, NOW, a_dossier, a_sealed_row, execute
from ubl.routing import read_routing

pytestmark = pytest.mark.usefixtures("registered")

FAILED = {Status.REFUSED, Status.FAILED, Status.GAVE_UP}
SELF_BILLING = (
    b"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0",
    b"urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0",
)


def dated(day: str, **changes) -> bytes:
    return re.sub(b"(?<=<cbc:IssueDate>)[^<]*", day.encode(), an_invoice(**changes), count=1)


def self_billed(**changes) -> bytes:
    customization, profile = SELF_BILLING
    found = re.sub(b"(?<=CustomizationID>)[^<]*", customization, an_invoice(**changes), count=1)
    return re.sub(b"(?<=ProfileID>)[^<]*", profile, found, count=1)


async def test_a_number_that_was_sent_is_refused_and_leads_to_the_first_document(api, dsn):
    _, _, first = await post(api, an_invoice())
    status, _, problem = await post(api, an_invoice(note="changed"))
    assert (status, problem["code"]) == (409, "duplicate-number")
    (found,) = problem["errors"]
    assert (found["rule"], found["location"]) == ("duplicate-number", "cbc:ID")
    assert first["id"] in found["message"]
    assert f"GET /v1/documents/{first['id']}" in found["hint"]
    assert "duplicate=allow" in found["hint"]
    assert await count(dsn, "documents") == 1
    assert await count(dsn, "pgqueuer") == 1


async def test_of_concurrent_requests_without_a_key_one_is_accepted(api, dsn):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(post(api, an_invoice())) for _ in range(8)]
    answers = [task.result() for task in tasks]
    assert sorted(status for status, _, _ in answers) == [202, *[409] * 7]
    assert {body["code"] for status, _, body in answers if status == 409} == {"duplicate-number"}
    assert await count(dsn, "documents") == 1


async def test_another_number_sender_kind_or_year_is_another_document(api, client, dsn):
    await client.register_participant(RECEIVER)
    for document in (
        an_invoice(),
        an_invoice(number="2026-2"),
        an_invoice(sender=RECEIVER, receiver=SENDER),
        dated("2025-11-22"),
    ):
        status, _, _ = await post(api, document)
        assert status == 202
    assert await count(dsn, "documents") == 4


async def test_a_duplicate_that_is_meant_is_sent_and_holds_the_number_from_then_on(api, dsn):
    await post(api, an_invoice())
    status, _, second = await post(api, an_invoice(note="again"), "?duplicate=allow")
    assert status == 202
    _, _, problem = await post(api, an_invoice(note="once more"))
    assert second["id"] in problem["errors"][0]["message"]
    assert await count(dsn, "documents") == 2


async def test_a_parameter_that_allows_nothing_is_refused(api):
    status, _, problem = await post(api, an_invoice(), "?duplicate=true")
    assert (status, problem["code"]) == (422, "bad-duplicate")


async def test_a_key_that_is_repeated_gets_its_answer_and_no_duplicate(api, dsn):
    _, _, first = await post(api, an_invoice(), Idempotency_Key="k")
    status, headers, again = await post(api, an_invoice(), Idempotency_Key="k")
    assert (status, again["id"], headers["Idempotent-Replayed"]) == (202, first["id"], "true")


async def test_a_refused_duplicate_leaves_its_key_free(api):
    await post(api, an_invoice())
    assert (await post(api, an_invoice(), Idempotency_Key="k"))[0] == 409
    assert (await post(api, an_invoice(), "?duplicate=allow", Idempotency_Key="k"))[0] == 202


async def test_an_invalid_document_takes_no_number(api):
    broken = re.sub(b"<cac:TaxTotal>.*?</cac:TaxTotal>", b"", an_invoice(), flags=re.DOTALL)
    assert (await post(api, broken))[0] == 422
    assert (await post(api, an_invoice()))[0] == 202


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RECEIVED, Status.BROKEN}))
async def test_a_number_is_free_again_once_its_document_failed(api, database, status):
    _, _, first = await post(api, an_invoice())
    await execute(
        database, api.dossier, "UPDATE documents SET status = $2 WHERE id = $1", first["id"], status
    )
    answered, _, _ = await post(api, an_invoice(note="mended"))
    assert answered == (202 if status in FAILED else 409)
    assert FAILED <= FINAL


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("gave_up", outcome) for outcome in [*What, None]]
    + [("failed", What.BROKEN_OFF), ("failed", What.NOT_CONNECTED)],
)
async def test_who_gave_up_keeps_the_number_if_the_receiver_may_have_it(
    api, database, status, outcome
):
    _, _, first = await post(api, an_invoice())
    async with database.transaction(api.dossier) as tx:
        row = a_sealed_row(UUID(first["id"]))
        await insert_sealed(tx, [row])
        if outcome is not None:
            await finish_attempts(
                tx, [Ending(message_row_id=row.message_row_id, number=1, at=NOW, outcome=outcome)]
            )
    statement = "UPDATE documents SET status = $2 WHERE id = $1"
    await execute(database, api.dossier, statement, first["id"], status)
    answered, _, _ = await post(api, an_invoice(note="mended"))
    certainly_not = outcome is not None and RULES[outcome].reach in (Reach.NOTHING, Reach.REFUSED)
    assert answered == (202 if certainly_not else 409)


async def test_two_dossiers_do_not_meet(api, database):
    other = await another_dossier(database)
    async with api.client(other) as second:
        await second.register_participant(RECEIVER)
    invoice = an_invoice(sender=RECEIVER, receiver=SENDER)
    status, _, _ = await ask(
        api,
        "POST",
        "/v1/documents",
        key=other,
        data=invoice,
        headers={"Content-Type": "application/xml"},
    )
    assert status == 202
    routing = read_routing(invoice)
    async with database.transaction(await a_dossier(database)) as tx:
        await guard_number(tx, routing, CLOCK.uuid())


async def test_in_self_billing_each_seller_has_numbers_of_its_own(database):
    dossier = await a_dossier(database)
    one, two = self_billed(), self_billed(sender="0208:0202239951")
    async with database.transaction(dossier) as tx:
        for document in (one, two):
            await guard_number(tx, read_routing(document), CLOCK.uuid())
        with pytest.raises(Fault) as refused:
            await guard_number(tx, read_routing(one), CLOCK.uuid())
    assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "duplicate-number")


async def test_a_number_of_any_length_is_held(database):
    dossier = await a_dossier(database)
    long = "".join(CLOCK.random(4).hex() for _ in range(500))
    routing = read_routing(an_invoice(number=long))
    async with database.transaction(dossier) as tx:
        await guard_number(tx, routing, CLOCK.uuid())
        await guard_number(tx, read_routing(an_invoice(number=long + "0")), CLOCK.uuid())
        with pytest.raises(Fault):
            await guard_number(tx, routing, CLOCK.uuid())


@pytest.mark.parametrize(
    "document",
    [
        dated(""),
        dated("soon"),
        re.sub(b"<cbc:ID>2026-1</cbc:ID>", b"", an_invoice(), count=1),
    ],
    ids=["no date", "no real date", "no number"],
)
def test_what_has_no_number_or_no_date_is_not_guarded(document):
    assert number_of(read_routing(document)) is None
