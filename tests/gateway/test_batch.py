"""Up to a hundred documents in one request: each accepted or refused on its own."""

import base64
import json

import pytest

from gateway.errors import Unavailable
from gateway.exchange.intake import Intake
from tests.support.api import RECEIVER, an_invoice, ask, count, post
from tests.support.forms import a_form

pytestmark = pytest.mark.usefixtures("registered")


def item(number: str = "2026-1", **given) -> dict[str, object]:
    return {"ubl": base64.b64encode(an_invoice(number=number)).decode(), **given}


async def post_batch(api, *items, query="", **headers):
    return await ask(
        api,
        "POST",
        f"/v1/documents/batch{query}",
        data=json.dumps({"documents": items}),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def statuses(answer):
    return [each["status"] for each in answer["results"]]


def codes(answer):
    return [each["problem"]["code"] if "problem" in each else None for each in answer["results"]]


async def test_each_document_has_its_result_in_order(api, dsn):
    status, _, answer = await post_batch(
        api,
        item("1"),
        {"invoice": {}},
        {"invoice": a_form(number="2")},
        {"ubl": base64.b64encode(b"<x/>").decode()},
        item("3", to="0208:0202239951"),
        item("4", to=RECEIVER, invoice=None, idempotency_key=None, duplicate=None),
    )
    assert status == 200
    assert statuses(answer) == [202, 422, 202, 422, 422, 202]
    refused = [None, "bad-form", None, "unknown-document", "receiver-differs", None]
    assert codes(answer) == refused
    numbers = [each["document"]["number"] for each in answer["results"] if "document" in each]
    assert numbers == ["1", "2", "4"]
    assert await count(dsn, "documents") == 3


async def test_a_result_is_what_a_single_document_would_have_got(api):
    _, _, answer = await post_batch(api, item("1"))
    (result,) = answer["results"]
    _, _, shown = await ask(api, "GET", f"/v1/documents/{result['document']['id']}")
    for name in ("id", "number", "sender", "receiver", "sha256", "valid"):
        assert result["document"][name] == shown[name]
    _, _, alone = await post(api, an_invoice(number="1"))
    _, _, answer = await post_batch(api, item("1"))
    problem = answer["results"][0]["problem"]
    assert {**problem, "instance": ""} == {**alone, "instance": ""}
    assert problem["code"] == "duplicate-number"


async def test_of_two_with_one_number_the_first_is_accepted_unless_both_are_meant(api):
    _, _, answer = await post_batch(api, item("1"), item("1"), item("1", duplicate="allow"))
    assert codes(answer) == [None, "duplicate-number", None]


async def test_a_batch_with_a_key_is_carried_out_once(api, dsn):
    first = await post_batch(api, item("1"), {"invoice": {}}, Idempotency_Key="k")
    again = await post_batch(api, item("1"), {"invoice": {}}, Idempotency_Key="k")
    assert again[2] == first[2]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert await count(dsn, "documents") == 1
    status, _, problem = await post_batch(api, item("2"), Idempotency_Key="k")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")


async def test_a_document_with_a_key_is_accepted_once(api, dsn):
    _, _, first = await post_batch(api, item("1", idempotency_key="one"))
    _, _, second = await post_batch(api, item("2"), item("1", idempotency_key="one"))
    assert [each["replayed"] for each in second["results"]] == [False, True]
    assert second["results"][1]["document"] == first["results"][0]["document"]
    assert await count(dsn, "documents") == 2


async def test_a_key_is_the_same_in_a_batch_and_alone(api):
    _, _, alone = await post(api, an_invoice(number="1"), Idempotency_Key="one")
    _, _, answer = await post_batch(api, item("1", idempotency_key="one"))
    assert answer["results"][0]["document"]["id"] == alone["id"]


async def test_a_batch_that_broke_off_is_repeated_without_doubling(api, dsn, monkeypatch):
    accept, calls = Intake.accept, []

    async def break_off(intake, *given):
        calls.append(given)
        if len(calls) == 3:
            raise ZeroDivisionError
        return await accept(intake, *given)

    monkeypatch.setattr(Intake, "accept", break_off)
    items = [item(str(number)) for number in range(4)]
    status, _, _ = await post_batch(api, *items, Idempotency_Key="k")
    assert status == 500
    assert await count(dsn, "documents") == 2
    _, _, answer = await post_batch(api, *items, Idempotency_Key="k")
    assert [each["replayed"] for each in answer["results"]] == [True, True, False, False]
    assert await count(dsn, "documents") == 4


async def test_what_was_away_for_a_moment_is_not_the_last_word(api, dsn, monkeypatch):
    accept, calls = Intake.accept, []

    async def fail_once(intake, *given):
        calls.append(given)
        if len(calls) == 2:
            raise Unavailable("the database went away")
        return await accept(intake, *given)

    monkeypatch.setattr(Intake, "accept", fail_once)
    items = [item(str(number)) for number in range(3)]
    _, _, first = await post_batch(api, *items, Idempotency_Key="k")
    assert statuses(first) == [202, 503, 202]
    _, _, second = await post_batch(api, *items, Idempotency_Key="k")
    assert statuses(second) == [202, 202, 202]
    assert [each["replayed"] for each in second["results"]] == [True, False, True]
    assert await count(dsn, "documents") == 3


@pytest.mark.parametrize(
    ("given", "code", "place"),
    [
        ({}, "bad-json", ""),
        ({**item(), "invoice": {}}, "bad-json", ""),
        ({"ubl": None, "invoice": None}, "bad-json", ""),
        ({"ubl": "***"}, "bad-json", "/ubl"),
        ({"ubl": 1}, "bad-json", "/ubl"),
        (item(surplus=1), "bad-json", "/surplus"),
        (item(duplicate="yes"), "bad-json", "/duplicate"),
        (item(idempotency_key="two words"), "bad-idempotency-key", "/idempotency_key"),
        (item(idempotency_key="\0"), "bad-idempotency-key", "/idempotency_key"),
        (item(to="nobody"), "bad-identifier", "/to"),
        ("text", "bad-json", ""),
        (None, "bad-json", ""),
    ],
)
async def test_a_bad_item_spoils_no_other(api, given, code, place):
    status, _, answer = await post_batch(api, given, item("1"))
    assert (status, statuses(answer)) == (200, [422, 202])
    problem = answer["results"][0]["problem"]
    assert (problem["code"], problem["errors"][0]["location"]) == (code, place)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-json"),
        (b"[]", "bad-json"),
        (b"{}", "bad-json"),
        (b'{"documents": []}', "bad-json"),
        (b'{"documents": 1}', "bad-json"),
        (b'{"documents": [{}], "x": 1}', "bad-json"),
        (b'{"documents": [' + b",".join([b"{}"] * 101) + b"]}", "bad-json"),
        (b'{"documents": [' + b"[" * 100_000, "not-json"),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(api, dsn, body, code):
    status, _, problem = await ask(api, "POST", "/v1/documents/batch", data=body)
    assert (status, problem["code"]) == (422, code)
    assert await count(dsn, "documents") == 0


async def test_bytes_that_are_no_text_are_refused_where_they_are(api):
    body = b'{"documents": [{"to": "\xff"}]}'
    status, _, answer = await ask(api, "POST", "/v1/documents/batch", data=body)
    assert (status, codes(answer)) == (200, ["not-json"])


async def test_a_batch_of_too_many_bytes_is_refused(api, monkeypatch):
    monkeypatch.setattr("gateway.web.batch.BATCH_BYTES_MAX", 1000)
    status, _, problem = await post_batch(api, item())
    assert (status, problem["code"]) == (413, "batch-too-large")


async def test_hints_are_in_the_language_of_the_request(api):
    broken = an_invoice(number="1").replace(b">EUR<", b">XXX<")
    given = {"ubl": base64.b64encode(broken).decode()}
    hints = set()
    for language in ("en", "nl"):
        _, _, answer = await post_batch(api, given, query=f"?language={language}")
        hints.add(answer["results"][0]["problem"]["errors"][0]["hint"])
    assert len(hints) == 2
