"""The reports: counts, reasons, evidence, and text that is data wherever it is shown."""

import json
from dataclasses import replace

from lxml import etree

from as4.dump import read_dump
from conformance.cases import all_cases
from conformance.suite.outcome import Failed
from conformance.suite.report import summarize, write_report
from conformance.suite.report.folder import check_folder
from conformance.suite.report.page import write_page
from conformance.suite.runner import select
from tests.conformance.world import run
from tests.support.broken import accepting

NAMES = ["as4.receipt", "as4.header", "as4.two-way"]
CASES = select(all_cases(), [], NAMES)
HOSTILE = "<script>alert(1)</script>&\"'\x00\ud800 ]]>"


async def a_run(dials=None):
    return await run(CASES, dials)


async def test_the_summary_counts_what_the_cases_say():
    summary = summarize(await a_run(accepting("EBMS:0001")))
    outcomes = [case["outcome"] for case in summary["cases"]]
    for outcome in ("passed", "failed", "not_applicable"):
        assert summary[outcome] == outcomes.count(outcome) > 0
    assert all(c["reason"] for c in summary["cases"] if c["outcome"] != "passed")


async def test_evidence_is_http_that_can_be_read(tmp_path):
    summary = write_report(await a_run(), tmp_path)
    files = [f for c in summary["cases"] for e in c["exchanges"] for f in e["files"]]
    assert files
    for name in files:
        dump = read_dump((tmp_path / name).read_bytes())
        assert dump.body
        assert dump.notes == ()
    assert json.loads((tmp_path / "report.json").read_text()) == summary


def evidence(folder):
    return {str(path.relative_to(folder)) for path in folder.glob("evidence/*/*")}


async def test_a_second_run_in_the_same_folder_leaves_nothing_of_the_first(tmp_path):
    write_report(await a_run(accepting("EBMS:0001")), tmp_path)
    (tmp_path / "evidence" / CASES[0].id / "my notes").write_text("kept")
    second = write_report(await run(CASES[:1]), tmp_path)
    files = {f for c in second["cases"] for e in c["exchanges"] for f in e["files"]}
    assert evidence(tmp_path) == files | {f"evidence/{CASES[0].id}/my notes"}


async def test_to_look_whether_a_folder_can_be_written_leaves_its_report_alone(tmp_path):
    write_report(await run(CASES[:1]), tmp_path)
    before = (tmp_path / "report.json").read_bytes(), evidence(tmp_path)
    check_folder(tmp_path)
    assert ((tmp_path / "report.json").read_bytes(), evidence(tmp_path)) == before


async def test_junit_has_a_test_case_for_each_case(tmp_path):
    summary = write_report(await a_run(accepting("EBMS:0001")), tmp_path)
    root = etree.fromstring((tmp_path / "junit.xml").read_bytes())
    assert len(root.findall(".//testcase")) == len(summary["cases"])
    assert len(root.findall(".//failure")) == summary["failed"]
    assert len(root.findall(".//skipped")) == summary["not_applicable"]


async def hostile(_bench):
    raise Failed(HOSTILE)


async def test_what_a_target_says_is_data_wherever_it_is_shown(tmp_path):
    case = replace(CASES[0], run=hostile)
    summary = write_report(await run([case]), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    failure = etree.fromstring((tmp_path / "junit.xml").read_bytes()).find(".//failure")
    assert failure.get("message").startswith("<script>")
    assert summary["failed"] == 1


async def test_the_page_asks_for_nothing_from_elsewhere():
    page = write_page(summarize(await a_run())).decode()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page
    assert "url(" not in page


async def test_the_page_begins_with_what_was_tested_and_how_it_stands():
    page = write_page(summarize(await a_run(accepting("EBMS:0001")))).decode()
    order = ["PBE000002", "cases failed", "What to do next", "What failed", "All cases"]
    places = [page.index(words, page.index("<body")) for words in order]
    assert places == sorted(places)


async def test_the_page_says_how_each_suite_stands_and_tells_each_failure_once():
    cases = select(all_cases(), [], ["as4.receipt", "as4.header", "peppol.receive.valid"])
    page = write_page(summarize(await run(cases, accepting("EBMS:0001")))).decode()
    root = etree.HTML(page)
    table = root.find(".//table[@class='suites']/tbody")
    rows = [[cell.xpath("string()") for cell in row] for row in table]
    assert [row[0] for row in rows] == ["as4", "peppol"]
    assert [int(row[1]) > 0 for row in rows] == [True, False]
    text = root.xpath("string()")
    assert {text.count(case.requirement) for case in cases} == {1}


async def test_an_answer_that_never_crossed_the_wire_is_no_evidence():
    [result] = (await run(select(all_cases(), [], ["as4.send.lost-answer"]))).results
    first, second = result.exchanges
    assert (first.label, first.answer) == (
        "the target's message, answered with no answer: the connection was closed", b"",
    )  # fmt: skip
    assert second.answer.startswith(b"HTTP/1.1 200")
