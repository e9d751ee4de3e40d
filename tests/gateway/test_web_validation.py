"""POST /v1/validate: what is wrong with a document, and nothing stored."""

import pytest

from gateway.clock import SystemClock
from gateway.errors import Fault, Unavailable
from gateway.store.idempotency import claim_key
from tests.support.api import an_invoice, ask, count
from tests.support.svrl import read_svrl

WRONG_TOTAL = an_invoice().replace(b">326.70<", b">327.70<")


async def validate(api, data, query="", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"Content-Type": "application/xml", **named}
    return await ask(api, "POST", f"/v1/validate{query}", data=data, headers=headers)


async def test_a_valid_invoice_is_valid_and_not_stored(api, dsn):
    status, _, report = await validate(api, an_invoice())
    assert status == 200
    assert (report["valid"], report["findings"], report["engine"]) == (True, [], "native")
    assert report["rules"] == [{"id": "en16931", "version": "1.3.16"}]
    assert "peppol-bis3" in report["notes"][0]
    assert await count(dsn, "documents") == 0


async def test_a_finding_has_the_one_shape(api):
    status, _, report = await validate(api, WRONG_TOTAL, "?language=de")
    assert (status, report["valid"]) == (200, False)
    (finding,) = report["findings"]
    assert set(finding) == {"rule", "severity", "location", "message", "term", "hint"}
    assert (finding["rule"], finding["severity"], finding["term"]) == (
        "BR-CO-15", "fatal", "BT-112",
    )  # fmt: skip
    assert finding["hint"].startswith("Gesamtbetrag mit MwSt.")


@pytest.mark.parametrize(
    "asked", [{"query": "?format=svrl"}, {"Accept": "application/xml"}, {"Accept": "text/xml"}]
)
async def test_svrl_is_given_to_whoever_asks_for_it(api, asked):
    status, headers, body = await validate(api, WRONG_TOTAL, **asked)
    assert (status, headers["Content-Type"]) == (200, "application/xml")
    assert [failed.get("id") for failed in read_svrl(body)] == ["BR-CO-15"]


async def test_the_client_validates(client):
    report = await client.validate(WRONG_TOTAL, language="fr")
    assert not report.valid
    assert report.findings[0].hint.startswith("Total TVA comprise")


async def test_a_fragment_is_checked_by_the_rules_alone(api):
    fragment = an_invoice().replace(b"<cbc:IssueDate>2026-11-20</cbc:IssueDate>", b"")
    _, _, whole = await validate(api, fragment)
    _, _, rules = await validate(api, fragment, "?rules_only=true")
    assert [each["rule"] for each in rules["findings"]] == ["BR-03"]
    assert len(whole["findings"]) > 1


@pytest.mark.parametrize("data", [b"", b"no xml", b"<a/>", an_invoice()[:-9]])
async def test_what_is_no_document_is_never_valid(api, data):
    status, _, report = await validate(api, data)
    assert (status, report["valid"]) == (200, False)
    assert report["findings"]


async def test_a_large_invoice_is_checked_and_leaves_no_file(api):
    large = an_invoice(note="x" * 2_000_000).replace(b">326.70<", b">327.70<")
    _, _, report = await validate(api, large)
    assert [each["rule"] for each in report["findings"]] == ["BR-CO-15"]
    archive = api.services.settings.data_dir.parent / "archive"
    assert [path for path in archive.rglob("*") if path.is_file()] == []


async def test_a_body_that_is_too_large_is_refused(api):
    async def pieces():
        for _ in range(50):
            yield b" " * 100_000

    for data in (an_invoice(note="x" * 4_000_000), pieces()):
        status, _, problem = await validate(api, data)
        assert (status, problem["code"]) == (413, "document-too-large")


async def test_parameters_that_are_none_and_other_media_types_are_refused(api):
    for query, code in [
        ("engine=java", "bad-engine"), ("rules_only=1", "bad-rules-only"),
        ("format=pdf", "bad-format"), ("language=es", "bad-language"),
    ]:  # fmt: skip
        status, _, problem = await validate(api, an_invoice(), f"?{query}")
        assert (status, problem["code"]) == (422, code)
    status, _, _ = await validate(api, an_invoice(), Content_Type="application/json")
    assert status == 415


async def test_nobody_validates_without_a_key(api):
    async with api.client("gk_wrong") as stranger:
        with pytest.raises(Fault) as caught:
            await stranger.validate(an_invoice())
    assert caught.value.kind.value == "unauthenticated"


async def test_the_same_check_is_made_once_and_answered_the_same(api, dsn, monkeypatch):
    key = {"Idempotency-Key": "check"}
    _, headers, first = await validate(api, WRONG_TOTAL, **key)
    assert "Idempotent-Replayed" not in headers
    monkeypatch.setattr(api.services.checking, "validate", None)
    status, headers, again = await validate(api, WRONG_TOTAL, **key)
    assert (status, again, headers["Idempotent-Replayed"]) == (200, first, "true")
    assert await count(dsn, "idempotency_keys") == 1


@pytest.mark.parametrize(
    "other",
    [
        {"data": an_invoice()},
        {"query": "?language=nl"},
        {"query": "?rules_only=true"},
        {"Accept": "application/xml"},
        {"Accept-Language": "de"},
    ],
    ids=lambda given: next(iter(given)),
)
async def test_a_key_is_good_for_one_question_about_one_document(api, other):
    asked = {"data": WRONG_TOTAL, "Idempotency-Key": "check"}
    assert (await validate(api, **asked))[0] == 200
    status, _, problem = await validate(api, **{**asked, **other})
    assert (status, problem["code"]) == (422, "idempotency-key-reused")


async def test_svrl_is_answered_again_as_svrl(api):
    asked = {"query": "?format=svrl", "Idempotency-Key": "check"}
    _, _, first = await validate(api, WRONG_TOTAL, **asked)
    _, headers, again = await validate(api, WRONG_TOTAL, **asked)
    assert (headers["Content-Type"], again) == ("application/xml", first)
    assert headers["Idempotent-Replayed"] == "true"


async def test_a_check_under_way_is_not_made_twice(api):
    async with api.services.db.transaction(api.dossier) as tx:
        assert await claim_key(tx, "check", b"", now=SystemClock().now()) is None
        status, headers, problem = await validate(api, WRONG_TOTAL, Idempotency_Key="check")
    assert (status, problem["code"]) == (409, "idempotency-key-in-flight")
    assert headers["Retry-After"] == "1"


async def test_a_check_that_failed_may_be_asked_for_again(api, monkeypatch):
    async def full(*_given, **_named):
        raise Unavailable("too many large documents wait to be checked", 10.0)

    with monkeypatch.context() as patched:
        patched.setattr(api.services.checking, "validate", full)
        status, _, _ = await validate(api, WRONG_TOTAL, Idempotency_Key="check")
        assert status == 503
    status, headers, report = await validate(api, WRONG_TOTAL, Idempotency_Key="check")
    assert (status, report["valid"]) == (200, False)
    assert "Idempotent-Replayed" not in headers


async def test_a_report_too_large_to_be_kept_is_made_anew_for_the_same_document_alone(
    api, monkeypatch
):
    monkeypatch.setattr("gateway.web.once.KEPT_BYTES_MAX", 100)
    key = {"Idempotency-Key": "check"}
    _, _, first = await validate(api, WRONG_TOTAL, **key)
    status, headers, again = await validate(api, WRONG_TOTAL, **key)
    assert (status, again) == (200, first)
    assert "Idempotent-Replayed" not in headers
    async with api.services.db.transaction(api.dossier) as tx:
        assert await tx.connection.fetchval("SELECT body FROM idempotency_keys") == b""
    status, _, problem = await validate(api, an_invoice(), **key)
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
