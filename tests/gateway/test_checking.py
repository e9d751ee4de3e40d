"""The check inside the exchange: before a document is accepted, and after it was received."""

import asyncio

import pytest

from as4.compression import gzip_compress
from gateway.errors import Fault, Kind, Unavailable
from gateway.exchange import checking
from gateway.exchange.checking import (
    FINDINGS_MAX,
    LARGE_BYTES_MIN,
    judge,
    read_findings,
    refusal_of,
)
from gateway.rules.catalogue import BIS3, RuleSet
from gateway.rules.outcome import RuleSetInfo
from gateway.rules.packs import Pack, write_manifest
from gateway.rules.pipeline import UNCHECKED, UNFINISHED, UNKNOWN_DOCUMENT
from gateway.rules.report import Report
from gateway.store.documents import find_document, find_report, list_events
from tests.support.api import SENDER, an_invoice, ask, count, post, run_api
from tests.support.checking import a_checking
from tests.support.messages import a_business_envelope, a_sealed_message
from tests.support.packs import installed_rules, own_rules
from tests.support.reception import a_receiver
from ubl.findings import Finding, Severity

WRONG_TOTAL = an_invoice(note="wrong total").replace(b">326.70<", b">327.70<")
CORE, OVERLAY = RuleSetInfo("en16931", "1.3.16"), RuleSetInfo("peppol-bis3", "3.0.21")


def a_finding(rule="BR-CO-15", severity=Severity.FATAL, **changed):
    return Finding(rule=rule, severity=severity, location="/", message=f"[{rule}]", **changed)


def a_report(*findings, rules=(CORE, OVERLAY), **changed):
    return Report(findings, rules, "native", **changed)


async def test_an_invalid_invoice_is_refused_with_all_that_is_wrong_and_nothing_is_stored(
    api, registered, dsn
):
    status, headers, problem = await post(api, WRONG_TOTAL, Idempotency_Key="k")
    assert (status, headers["Content-Type"]) == (422, "application/problem+json")
    assert problem["code"] == "document-invalid"
    (error,) = problem["errors"]
    assert (error["rule"], error["severity"], error["term"]) == ("BR-CO-15", "fatal", "BT-112")
    assert error["location"].startswith("/*:Invoice[")
    assert error["hint"].startswith("Total with VAT")
    for table in ("documents", "document_events", "idempotency_keys", "pgqueuer"):
        assert await count(dsn, table) == 0, table


async def test_what_only_peppol_forbids_is_refused_where_its_rules_are_installed(
    database, tmp_path
):
    without_reference = an_invoice().replace(
        b"<cbc:BuyerReference>PO-7781</cbc:BuyerReference>", b""
    )
    async with (
        run_api(database, tmp_path, rules_dir=installed_rules()) as api,
        api.client() as client,
    ):
        await client.register_participant(SENDER)
        status, _, problem = await post(api, without_reference, "?language=fr")
        sent = await client.send_document(an_invoice())
        shown = await client.document(sent.id)
    assert (status, problem["errors"][0]["rule"]) == (422, "PEPPOL-EN16931-R003")
    assert "bon de commande" in problem["errors"][0]["hint"]
    assert [rules.id for rules in shown.rules] == ["en16931", "peppol-bis3"]


async def test_hints_of_a_refusal_are_in_the_language_of_the_caller(api, registered):
    for asked in ({"query": "?language=nl"}, {"Accept_Language": "es, nl-BE;q=0.8, fr"}):
        _, _, problem = await post(api, WRONG_TOTAL, **asked)
        assert problem["errors"][0]["hint"].startswith("Totaal inclusief btw")


async def test_a_large_invalid_invoice_is_refused_and_leaves_no_file(api, registered, dsn):
    large = an_invoice(note="x" * 2_000_000).replace(b">326.70<", b">327.70<")
    status, _, problem = await post(api, large)
    assert (status, problem["code"]) == (422, "document-invalid")
    assert await count(dsn, "documents") == 0
    assert api.services.archive.names() == []


async def test_what_was_accepted_before_stays_accepted_though_the_rules_are_stricter(
    api, registered, database, tmp_path
):
    strict = {"uncovered_documents": "refuse"}
    _, _, first = await post(api, an_invoice(), Idempotency_Key="k")
    async with run_api(database, tmp_path, **strict) as stricter:
        again, headers, body = await post(stricter, an_invoice(), Idempotency_Key="k")
        other, _, problem = await post(stricter, an_invoice(), Idempotency_Key="other")
    assert (again, headers["Idempotent-Replayed"], body) == (202, "true", first)
    assert (other, problem["code"]) == (409, "rules-not-installed")
    assert "gateway rules install" in problem["detail"]


async def test_an_accepted_invoice_says_what_it_was_checked_with(api, client, registered):
    sent = await client.send_document(an_invoice())
    shown = await client.document(sent.id)
    assert (sent.valid, shown.valid, shown.findings) == (True, True, ())
    assert [rules.id for rules in shown.rules] == ["en16931"]
    assert "peppol-bis3 are not installed" in shown.notes[0]
    step = (await client.timeline(sent.id))[1]
    assert step.name == "checked"
    assert step.detail["text"].startswith("Checked by en16931 1.3.16: valid, nothing found; ")


async def test_warnings_do_not_stop_an_invoice_and_are_shown_in_any_language(
    api, client, registered
):
    warned = an_invoice().replace(
        b"<cbc:IssueDate>", b"<cbc:CopyIndicator>false</cbc:CopyIndicator><cbc:IssueDate>"
    )
    sent = await client.send_document(warned)
    (finding,) = (await client.document(sent.id)).findings
    assert (finding.rule, finding.severity) == ("UBL-CR-004", Severity.WARNING)
    step = (await client.timeline(sent.id))[1]
    assert "valid, 1 warning found" in step.detail["text"]
    assert "CopyIndicator" in step.detail["findings"][0]


async def test_a_received_invalid_invoice_is_kept_and_says_so(database, tmp_path):
    invalid = WRONG_TOTAL[WRONG_TOTAL.index(b"<Invoice") :].strip()
    async with a_receiver(database, tmp_path) as receiver:
        payload = gzip_compress(a_business_envelope(invalid))
        assert (await receiver.post(a_sealed_message(payload=payload))).verdict == "receipt"
        await receiver.deliver()
        [row] = await receiver.rows("SELECT id FROM documents")
        async with database.transaction(receiver.dossier_id) as tx:
            document = await find_document(tx, row["id"])
            report = await find_report(tx, row["id"])
            events = await list_events(tx, row["id"])
    assert (document.status, document.valid) == ("delivered", False)
    assert [each.rule for each in read_findings(report, "fr")] == ["BR-CO-15"]
    assert read_findings(report, "fr")[0].hint.startswith("Total TVA comprise")
    assert [event.name for event in events] == ["received", "checked", "delivered"]
    assert (
        events[1].detail["text"].startswith("Checked by en16931 1.3.16: not valid, 1 fatal found")
    )


async def test_checking_a_received_document_again_changes_nothing(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_sealed_message())
        await receiver.deliver()
        [row] = await receiver.rows("SELECT dossier_id, id FROM documents")

        async def state():
            async with database.transaction(receiver.dossier_id) as tx:
                return (
                    await find_document(tx, row["id"]),
                    await find_report(tx, row["id"]),
                    await list_events(tx, row["id"]),
                )

        before = await state()
        named = {"documents": [[str(row["dossier_id"]), str(row["id"])]]}
        await receiver.delivery().process_received(named)
        assert await state() == before


def test_a_document_without_rules_is_not_checked_and_is_sent():
    for rule in (UNCHECKED, UNKNOWN_DOCUMENT):
        report = a_report(a_finding(rule), rules=())
        verdict = judge(report)
        assert verdict.valid is None
        assert verdict.detail["text"].startswith("Not checked: there are no rules")
        assert refusal_of(report, accept_uncovered=True) is None


def test_a_check_that_did_not_end_is_no_check_without_rules():
    report = a_report(a_finding(UNFINISHED), rules=())
    assert judge(report).valid is False
    assert judge(report).detail["text"] == "[UNFINISHED]"
    assert refusal_of(report, accept_uncovered=True) is not None


def test_a_schema_that_refuses_is_no_check_without_rules():
    report = a_report(a_finding("XSD"), a_finding(UNCHECKED), rules=())
    assert judge(report).valid is False


def test_a_document_with_rules_whose_schema_is_missing_is_not_valid():
    assert judge(a_report(a_finding(UNCHECKED))).valid is False


async def test_rules_that_cannot_be_used_do_not_hold_up_what_was_received(database, tmp_path):
    rules = RuleSet(id=BIS3, version="9.9", file="own.sch")
    damaged = Pack(
        id="own", version="9.9", source="a test", sha256="", folder=tmp_path / "rules" / "own",
        rule_sets=(rules,), schemas={}, files={"own.sch": "00" * 32}, elsewhere={},
    )  # fmt: skip
    damaged.folder.mkdir(parents=True)
    (damaged.folder / "own.sch").write_bytes(own_rules())
    write_manifest(damaged)
    async with a_receiver(database, tmp_path) as receiver:
        receiver.checking = a_checking(tmp_path / "rules")
        await receiver.post(a_sealed_message())
        await receiver.deliver()
        [row] = await receiver.rows("SELECT id FROM documents")
        async with database.transaction(receiver.dossier_id) as tx:
            document = await find_document(tx, row["id"])
            steps = await list_events(tx, row["id"])
    assert (document.status, document.valid) == ("delivered", None)
    assert [step.name for step in steps] == ["received", "not_checked", "delivered"]
    assert "own.sch is not the file that was installed" in steps[1].detail["text"]


def test_a_refusal_tells_the_fatal_findings_first():
    report = a_report(a_finding("W", Severity.WARNING), a_finding("F"))
    fault = refusal_of(report, accept_uncovered=True)
    assert isinstance(fault, Fault)
    assert fault.kind is Kind.INVALID
    assert [problem.rule for problem in fault.errors] == ["F", "W"]
    assert "1 fatal finding" in fault.detail


def test_only_what_peppol_rules_cover_is_accepted_where_that_is_asked_for():
    assert refusal_of(a_report(), accept_uncovered=False) is None
    for rules in ((CORE,), ()):
        for missing, code in (((BIS3,), "rules-not-installed"), ((), "document-not-covered")):
            report = a_report(rules=rules, missing=missing)
            fault = refusal_of(report, accept_uncovered=False)
            assert fault is not None
            assert (fault.kind, fault.code) == (Kind.CONFLICT, code)
            assert ("gateway rules install" in fault.detail) is bool(missing)
            assert refusal_of(report, accept_uncovered=True) is None


def test_of_many_findings_the_fatal_ones_are_kept_and_all_are_counted():
    warnings = [a_finding("W", Severity.WARNING) for _ in range(FINDINGS_MAX)]
    verdict = judge(a_report(*warnings, a_finding("F")))
    assert len(verdict.report["findings"]) == FINDINGS_MAX
    assert verdict.report["findings"][0]["rule"] == "F"
    assert (verdict.report["fatal"], verdict.report["warnings"]) == (1, FINDINGS_MAX)


def test_findings_that_are_not_listed_are_counted():
    report = a_report(a_finding("F"), unlisted=(3, 4))
    verdict = judge(report)
    assert (verdict.report["fatal"], verdict.report["warnings"]) == (4, 4)
    assert "4 fatal, 4 warnings found" in verdict.detail["text"]
    assert "4 fatal findings" in refusal_of(report, accept_uncovered=True).detail


async def test_more_large_documents_than_may_wait_are_refused(monkeypatch):
    monkeypatch.setattr(checking, "LARGE_WAITING_MAX", 1)
    go_on = asyncio.Event()

    async def slow():
        await go_on.wait()
        yield an_invoice()

    async def one():
        yield an_invoice()

    shared = a_checking()
    asked = {"language": "en", "engine": "native", "rules_only": False}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(shared.check(slow(), LARGE_BYTES_MIN)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many large documents"):
            await shared.check(one(), LARGE_BYTES_MIN)
        assert (await shared.check(one(), LARGE_BYTES_MIN - 1)).valid
        assert (await shared.validate(one(), LARGE_BYTES_MIN, **asked)).valid
        go_on.set()
    assert all(task.result().valid for task in tasks)


async def test_hints_are_not_stored_but_added_where_they_are_read():
    async def wrong():
        yield WRONG_TOTAL

    verdict = judge(await a_checking().check(wrong(), len(WRONG_TOTAL)))
    assert verdict.report["findings"][0]["hint"] == ""
    assert read_findings(verdict.report, "de")[0].hint.startswith("Gesamtbetrag mit MwSt.")


@pytest.mark.parametrize("language", ["es", "", "NL"])
async def test_a_language_that_we_do_not_have_is_refused(api, client, language):
    await client.register_participant(SENDER)
    sent = await client.send_document(an_invoice())
    status, _, problem = await ask(api, "GET", f"/v1/documents/{sent.id}?language={language}")
    assert (status, problem["code"]) == (422, "bad-language")
