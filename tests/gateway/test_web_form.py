"""An invoice handed in as the JSON form: what leaves is UBL, and what is wrong has its pointer."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.errors import Fault
from gateway.exchange import forms
from gateway.exchange.intake import PIECE_BYTES, Limits
from gateway.lanes import Lanes, ProcessEnded, TookTooLong
from gateway.web import formbody
from gateway.web.intakes import intake_of
from tests.support.api import RECEIVER, SENDER, an_invoice, count, post
from tests.support.forms import a_form, a_line, as_json
from ubl.reader import read_document

pytestmark = pytest.mark.usefixtures("registered")

JSON = {"Content_Type": "application/json"}


async def test_an_invoice_in_json_is_accepted_as_ubl(api, client):
    status, headers, body = await post(api, as_json(a_form(a_line(price="12.50"))), **JSON)
    assert status == 202
    assert (body["sender"], body["receiver"], body["number"]) == (SENDER, RECEIVER, "2026-001")
    assert headers["Location"] == f"/v1/documents/{body['id']}"
    ubl = await client.ubl(body["id"])
    invoice = read_document(ubl).document
    assert invoice.totals.due.value == Decimal("15.13")
    assert (await client.document(body["id"])).valid


async def test_the_client_sends_a_form_as_json(client):
    document = await client.send_document(b"\n " + as_json(a_form()))
    assert (document.kind, document.number) == ("Invoice", "2026-001")


async def test_the_same_form_and_key_get_the_first_answer(api, dsn):
    for _ in range(2):
        _, headers, _ = await post(api, as_json(a_form()), Idempotency_Key="k", **JSON)
    assert headers["Idempotent-Replayed"] == "true"
    assert await count(dsn, "documents") == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b"{", [""]),
        (b"[]", [""]),
        (b'{"number": "\\ud800"}', None),
        (as_json(a_form(colour="red")), ["/colour"]),
        (as_json(a_form(a_line(vat="19"))), ["/lines/0/vat"]),
        (as_json(a_form(a_line(price="ten"))), ["/lines/0/price"]),
        (as_json(a_form(a_line(price="NaN"))), ["/lines/0/price"]),
        (as_json(a_form(a_line(vat="19"), a_line(vat="20"))), ["/lines/0/vat", "/lines/1/vat"]),
    ],
)
async def test_a_form_that_is_wrong_is_refused_with_the_pointers(api, dsn, body, pointers):
    status, _, problem = await post(api, body, **JSON)
    assert (status, problem["code"]) == (422, "bad-form")
    if pointers is not None:
        assert [error["location"] for error in problem["errors"]] == pointers
    assert await count(dsn, "documents") == 0


async def test_a_form_that_breaks_a_rule_is_refused_by_the_rule(api, dsn):
    form = a_form(buyer={**a_form()["buyer"], "address": {"city": "X", "country": "BE"}})
    form["buyer_reference"] = None
    body = as_json({name: value for name, value in form.items() if value is not None})
    status, _, problem = await post(api, body, **JSON)
    assert status == 422
    assert problem["errors"]
    assert await count(dsn, "documents") == 0


async def test_a_form_that_is_too_large_is_refused(api, dsn, monkeypatch):
    monkeypatch.setattr(formbody, "FORM_BYTES_MAX", 1000)
    status, _, problem = await post(api, as_json(a_form(note="x" * 2000)), **JSON)
    assert (status, problem["code"]) == (413, "document-too-large")
    assert await count(dsn, "documents") == 0


async def test_a_small_form_is_built_beside_the_loop_a_large_one_elsewhere(api, monkeypatch):
    places = []
    build = forms._build
    monkeypatch.setattr(
        forms, "_build", lambda data: (places.append(in_the_loop()), build(data))[1]
    )
    lines = [a_line(description="x" * 200) for _ in range(500)]
    for form in (a_form(), a_form(*lines, number="2")):
        status, _, _ = await post(api, as_json(form), **JSON)
        assert status == 202
    assert places == [False]


async def test_a_process_that_is_needed_too_long_or_ends_is_told(api, dsn, monkeypatch):
    monkeypatch.setattr(forms, "HERE_BYTES_MAX", 0)
    for error, wanted in (
        (TookTooLong("x"), (413, "form-too-large")),
        (MemoryError(), (413, "form-too-large")),
        (ProcessEnded("x"), (503, "unavailable")),
    ):

        async def fail(_, error=error):
            raise error

        monkeypatch.setattr(Lanes, "ask", lambda _, form, fail=fail: fail(form))
        status, _, problem = await post(api, as_json(a_form()), **JSON)
        assert (status, problem["code"]) == wanted
    assert await count(dsn, "documents") == 0


async def test_what_is_wrong_in_a_large_form_has_its_pointer_too(api):
    charges = [{"reason": "r", "amount": "0.01"}] * 100
    for lines, place in (
        ([a_line(charges=charges + charges[:1])], "/lines/0/charges"),
        ([a_line(charges=charges)] * 199, "/lines"),
        ([a_line(vat="99")] * 200, "/lines/0/vat"),
    ):
        status, _, problem = await post(api, as_json(a_form(*lines)), **JSON)
        assert (status, problem["code"]) == (422, "bad-form")
        assert problem["errors"][0]["location"] == place
        assert len(problem["errors"]) <= forms.PROBLEMS_MAX


async def test_others_have_their_turn_while_a_large_document_is_read(api):
    async def whole():
        yield an_invoice() + b" " * (20 * PIECE_BYTES)

    turns, is_read = 0, False

    async def take_turns():
        nonlocal turns
        while not is_read:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(take_turns())
        async with intake_of(api.services).read(whole()) as upload:
            is_read = True
    assert turns >= 20
    assert upload.held.size_bytes > 20 * PIECE_BYTES


async def test_what_is_too_large_is_not_parsed_first(api):
    async def whole():
        yield b"<" * PIECE_BYTES

    intake = replace(intake_of(api.services), limits=Limits(PIECE_BYTES - 1, 1000))
    with pytest.raises(Fault) as caught:
        async with intake.read(whole()):
            pass
    assert caught.value.code == "document-too-large"


def in_the_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
