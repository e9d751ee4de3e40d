"""The check of documents: what is found, where it runs, and what may not pass for valid."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from gateway.clock import SystemClock
from gateway.errors import Fault, Kind, Unavailable
from gateway.lanes import Lanes, ProcessEnded
from gateway.rules import checker, pipeline, rulebook
from gateway.rules.catalogue import RuleSet
from gateway.rules.checker import Checker
from gateway.rules.compiling import Cache
from gateway.rules.installing import install_from_path
from gateway.rules.outcome import FINDINGS_MAX, Question
from gateway.rules.packs import hash_of
from gateway.settings import Settings
from tests.gateway.test_rules_packs import a_pack
from tests.support.documents import a_document
from tests.support.invoices import an_invoice_text
from tests.support.lanework import make_listing_checker
from tests.support.packs import installed_rules, own_rules
from tests.support.samples import a_large_invoice, an_invoice

CORE_ONLY = {"en16931"}
ENGINES = ("native", "saxon")
CORE_CUSTOMIZATION = ("#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0", "")
PAID = ('<cbc:PayableAmount currencyID="EUR">', '<cbc:PayableAmount currencyID="EUR">1')


@asynccontextmanager
async def opened(rules_dir):
    async with Checker.open(Settings(rules_dir=rules_dir), SystemClock()) as running:
        yield running


@pytest.fixture
async def bare(tmp_path):
    """A checker of the bare program, without any installed pack."""
    async with opened(tmp_path / "absent") as running:
        yield running


@pytest.fixture
async def full():
    """A checker with the rules of Peppol."""
    async with opened(installed_rules()) as running:
        yield running


def rules_of(report):
    return {each.rule for each in report.findings}


async def test_a_good_invoice_is_valid(full):
    report = await full.check(an_invoice())
    assert (report.valid, report.findings, report.engine) == (True, (), "native")
    assert [each.id for each in report.rules] == ["en16931", "peppol-bis3"]


async def test_nothing_is_loaded_before_the_first_document(full):
    book = full._shelf.find_current()
    assert (book._checks, book._narrow_schemas) == ({}, {})
    await full.check(an_invoice())
    assert book._checks
    assert book._narrow_schemas


async def test_what_a_document_needs_is_loaded_beside_the_event_loop(full, monkeypatch):
    places = []
    build = rulebook.build_schema
    compiled = Cache.rules

    def build_schema(*given):
        places.append(in_the_loop())
        return build(*given)

    def rules(*given):
        places.append(in_the_loop())
        return compiled(*given)

    monkeypatch.setattr(rulebook, "build_schema", build_schema)
    monkeypatch.setattr(Cache, "rules", rules)
    rare = ("<cbc:IssueDate>", "<cbc:UUID>1</cbc:UUID><cbc:IssueDate>")
    for data in (an_invoice(), an_invoice(rare), a_document("CreditNote")):
        before = len(places)
        await full.check(data)
        assert len(places) > before
    assert not any(places)


def in_the_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def test_of_many_findings_the_fatal_ones_are_listed_first_and_all_are_counted(full):
    bad = "<cac:InvoiceLine><cbc:ID>1</cbc:ID></cac:InvoiceLine>" * FINDINGS_MAX
    report = await full.check(an_invoice(("<cac:InvoiceLine>", f"{bad}<cac:InvoiceLine>")))
    assert len(report.findings) == FINDINGS_MAX
    assert report.fatal + report.warnings == sum(report.unlisted) + FINDINGS_MAX
    assert report.fatal > FINDINGS_MAX
    assert {each.severity for each in report.findings} == {"fatal"}
    assert report.notes[-1].startswith(f"there are {report.fatal} fatal findings and")


async def test_many_small_elements_are_for_a_process(full, monkeypatch):
    monkeypatch.setattr(pipeline, "INLINE_MARKUP_MAX", 50)
    assert (await full.check(an_invoice())).valid
    assert any(lane.is_alive() for lane in full._native._lanes)


async def test_without_a_pack_the_core_is_checked_and_said_so(bare):
    report = await bare.check(an_invoice())
    assert (report.valid, {each.id for each in report.rules}) == (True, CORE_ONLY)
    assert "peppol-bis3 are not installed" in report.notes[0]


async def test_a_broken_rule_is_found_with_its_place_term_and_hint(full):
    report = await full.check(an_invoice(PAID), language="nl")
    (finding,) = [each for each in report.findings if each.rule == "BR-CO-16"]
    assert not report.valid
    assert "/*:LegalMonetaryTotal[" in finding.location
    assert (finding.term, bool(finding.hint)) == ("BT-115", True)
    english = await full.check(an_invoice(PAID))
    assert finding.hint not in {each.hint for each in english.findings}


async def test_a_rule_of_the_overlay_is_found(full):
    report = await full.check(an_invoice(("poacc:billing:01:1.0", "poacc:billing:1.0")))
    assert "PEPPOL-EN16931-R007" in rules_of(report)


async def test_the_core_is_checked_beside_a_wrong_shape(full):
    report = await full.check(an_invoice(("<cbc:ID>2026-0042</cbc:ID>", "")))
    assert {"XSD", "BR-02"} <= rules_of(report)


async def test_the_schema_can_be_left_out(full):
    fragment = an_invoice(("<cbc:ID>2026-0042</cbc:ID>", ""))
    assert "XSD" not in rules_of(await full.check(fragment, rules_only=True))


async def test_a_padded_date_is_no_mistake(full):
    report = await full.check(an_invoice(("2026-11-20", "\n  2026-11-20 ")))
    assert "XSD" not in rules_of(report)


async def test_a_broken_date_is_explained(full):
    report = await full.check(an_invoice(("2026-11-20", "20/11/2026")))
    (finding,) = [each for each in report.findings if each.rule == "XSD"]
    assert "'20/11/2026', which is not a date like 2026-01-31" in finding.message
    assert finding.location.endswith(
        "*:IssueDate[namespace-uri()='urn:oasis:names:specification"
        ":ubl:schema:xsd:CommonBasicComponents-2'][1]"
    )


BAD = {
    "nothing": (b"", "XML", "empty"),
    "no XML": (b"%PDF-1.7", "XML", ""),
    "cut short": (an_invoice()[:-20], "XML", "line"),
    "a DOCTYPE": (b"<!DOCTYPE x><x/>", "XML", "DOCTYPE"),
    "entities": (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "XML", "DOCTYPE"),
    "an external entity": (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "XML", "DOCTYPE"),
    "another encoding": ("<x/>".encode("utf-16"), "XML", "UTF-8"),
    "deep": (b"<x>" * 5000 + b"</x>" * 5000, "XML", "deep"),
    "another root": (b"<Order xmlns='urn:x'/>", "DOCUMENT", "'Order' in the namespace 'urn:x'"),
    "no namespace": (b"<Invoice/>", "DOCUMENT", "in the namespace ''"),
    "another namespace": (
        an_invoice(('xsd:Invoice-2"', 'xsd:CreditNote-2"')), "DOCUMENT", "CreditNote-2"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("rules_only", [False, True])
async def test_bad_input_is_one_fatal_finding(bare, what, rules_only):
    data, rule, words = BAD[what]
    report = await bare.check(data, rules_only=rules_only)
    assert [(each.rule, each.severity) for each in report.findings] == [(rule, "fatal")]
    assert words in report.findings[0].message
    assert not report.valid


async def test_a_document_of_no_known_rules_is_not_valid(bare):
    response = "urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2"
    report = await bare.check(
        f'<ApplicationResponse xmlns="{response}"/>'.encode(), rules_only=True
    )
    assert rules_of(report) == {"UNCHECKED"}


async def test_a_document_whose_schema_is_not_installed_is_not_valid(bare):
    data = b'<EndUserStatisticsReport xmlns="urn:fdc:peppol:end-user-statistics-report:1.1"/>'
    report = await bare.check(data)
    assert not report.valid
    assert "schema is not installed" in report.findings[0].message


async def test_a_comment_inside_the_customization_does_not_hide_it(full):
    report = await full.check(an_invoice(("urn:cen.eu", "urn:<!-- x -->cen.eu")))
    assert [each.id for each in report.rules] == ["en16931", "peppol-bis3"]


async def test_an_unknown_customization_is_said(full):
    report = await full.check(an_invoice(("poacc:billing:3.0", "poacc:else:9.0")))
    assert {each.id for each in report.rules} == CORE_ONLY
    assert "is not known: only EN 16931 was checked" in report.notes[0]


async def test_more_elements_than_the_bound_are_refused(bare, monkeypatch):
    monkeypatch.setattr(pipeline, "MARKUP_MAX", 50)
    report = await bare.check(an_invoice())
    assert rules_of(report) == {"XML"}


async def test_an_attachment_of_eleven_megabytes_is_read(full):
    report = await full.check(a_large_invoice(11_000_000))
    assert report.valid, report.findings


async def test_a_large_document_is_checked_in_a_process_with_the_same_verdict(full, monkeypatch):
    inline = await full.check(an_invoice(PAID))
    assert not any(lane.is_alive() for lane in full._native._lanes)
    monkeypatch.setattr(pipeline, "INLINE_BYTES_MAX", 0)
    beside = await full.check(an_invoice(PAID))
    assert any(lane.is_alive() for lane in full._native._lanes)
    assert beside == inline


async def test_a_thousand_lines_are_for_a_process_and_ten_are_not(full, monkeypatch):
    asked = []

    async def answer(question):
        asked.append(len(question.data))
        return pipeline.unchecked("it was asked")

    monkeypatch.setattr(full._native, "ask", answer)
    await full.check(an_invoice_text(10))
    assert asked == []
    large = an_invoice_text(1000)
    assert rules_of(await full.check(large)) == {"UNFINISHED"}
    assert asked == [len(large)]


async def test_the_processes_import_neither_web_server_nor_database_driver():
    lanes = Lanes(
        make_listing_checker,
        installed_rules(),
        count=1,
        seconds_max=60,
        start_seconds_max=60,
        waiting_max=1,
        memory_bytes_max=2 << 30,
    )
    try:
        outcome, modules = await lanes.ask(Question(an_invoice(("2026-11-20", "soon"))))
    finally:
        await lanes.close()
    assert "XSD" in {each.rule for each in outcome.findings}
    assert {"lxml", "ubl.schematron"} <= set(modules)
    assert not {"aiohttp", "asyncpg", "facturx"} & set(modules)


async def test_a_check_that_takes_too_long_is_not_valid(monkeypatch):
    monkeypatch.setattr(checker, "CHECK_SECONDS_MAX", 0.0)
    monkeypatch.setattr(pipeline, "INLINE_BYTES_MAX", 0)
    async with opened(installed_rules()) as running:
        report = await running.check(a_large_invoice(3_000_000))
    assert rules_of(report) == {"UNFINISHED"}
    assert report.findings[0].message == "Not checked to the end: it took longer than 0 seconds."


@pytest.mark.parametrize(
    ("ends", "rule"), [([MemoryError()], "UNFINISHED"), ([ProcessEnded()], None)]
)
async def test_a_process_that_ends_once_is_no_word_about_the_document(
    full, monkeypatch, ends, rule
):
    ask = full._native.ask

    async def end(question):
        if ends:
            raise ends.pop()
        return await ask(question)

    monkeypatch.setattr(full._native, "ask", end)
    monkeypatch.setattr(pipeline, "INLINE_BYTES_MAX", 0)
    report = await full.check(an_invoice())
    assert rules_of(report) == ({rule} if rule else set())


async def test_a_process_that_ends_again_and_again_makes_checks_unavailable(full, monkeypatch):
    async def end(_question):
        raise ProcessEnded

    monkeypatch.setattr(full._native, "ask", end)
    monkeypatch.setattr(pipeline, "INLINE_BYTES_MAX", 0)
    with pytest.raises(Unavailable, match="was ended"):
        await full.check(an_invoice())


@pytest.mark.parametrize(
    "change", [None, PAID, ("<cbc:ID>2026-0042</cbc:ID>", ""), ("0123456749", "0123456748")]
)
async def test_saxon_finds_the_same(full, change):
    pytest.importorskip("saxonche")
    data = an_invoice(*([change] if change else []))
    ours, theirs = [await full.check(data, engine=name) for name in ENGINES]
    assert Counter(ours.findings) == Counter(theirs.findings)
    assert (theirs.engine, theirs.rules) == ("saxon", ours.rules)


async def test_saxon_reads_rules_whose_source_alone_is_installed(tmp_path):
    pytest.importorskip("saxonche")
    a_pack(tmp_path / "rules/one", files=hash_of({"rules.sch": own_rules("cbc:None")}))
    (tmp_path / "rules/one/rules.sch").write_bytes(own_rules("cbc:None"))
    async with opened(tmp_path / "rules") as running:
        ours, theirs = [await running.check(an_invoice(), engine=name) for name in ENGINES]
    assert ours.findings == theirs.findings
    assert rules_of(theirs) == {"OWN-1"}


async def test_without_saxon_the_extra_is_named(full, monkeypatch):
    monkeypatch.setattr(checker, "find_spec", lambda name: None)
    with pytest.raises(Fault, match="extra `saxon`") as refused:
        await full.check(an_invoice(), engine="saxon")
    assert (refused.value.kind, refused.value.code) == (Kind.NOT_INSTALLED, "not-installed")


async def test_a_report_by_outdated_rules_says_so_and_others_do_not(tmp_path):
    older = RuleSet(id="peppol-bis3", version="3.0.20", file="rules.sch")
    a_pack(tmp_path / "rules/one", rule_sets=(older,))
    async with opened(tmp_path / "rules") as running:
        with_it = await running.check(an_invoice())
        without = await running.check(an_invoice(CORE_CUSTOMIZATION))
    assert any("3.0.20 is outdated" in note for note in with_it.notes)
    assert "no rules of Peppol were checked" in without.notes[0]
    assert len(without.notes) == 1


async def test_rules_installed_meanwhile_count_for_the_next_document(tmp_path, monkeypatch):
    rules = tmp_path / "PEPPOL-EN16931-UBL-9.0.sch"
    rules.write_bytes(own_rules("cbc:None"))
    async with opened(tmp_path / "rules") as running:
        said = []
        for bytes_max in (200_000, 0, 0, 200_000):
            monkeypatch.setattr(pipeline, "INLINE_BYTES_MAX", bytes_max)
            said.append(rules_of(await running.check(an_invoice())))
            if len(said) == 2:
                install_from_path(rules, tmp_path / "rules", None, lambda _: None)
    assert said == [set(), set(), {"OWN-1"}, {"OWN-1"}]


async def test_the_clock_says_which_rules_are_outdated(tmp_path):
    older = RuleSet(id="peppol-bis3", version="3.0.20", file="rules.sch")
    a_pack(tmp_path / "rules/one", rule_sets=(older,))
    notes = []
    for day in (16, 17):
        clock = SystemClock.starting_at(datetime(2026, 8, day, 12, tzinfo=UTC))
        async with Checker.open(Settings(rules_dir=tmp_path / "rules"), clock) as running:
            notes.append((await running.check(an_invoice())).notes)
    assert notes[0] == ()
    assert "3.0.21 is mandatory since 2026-08-17" in notes[1][0]


async def test_beside_the_data_of_a_gateway_compiled_rules_are_kept(tmp_path):
    for there in (False, True):
        if there:
            (tmp_path / "data").mkdir()
        async with Checker.open(Settings(data_dir=tmp_path / "data"), SystemClock()) as running:
            await running.check(an_invoice())
        assert (tmp_path / "data/rules/compiled").is_dir() is there


async def test_rules_that_cannot_be_used_are_refused_with_the_place(tmp_path):
    a_pack(tmp_path / "rules/one")
    path = tmp_path / "rules/one/rules.sch"
    path.write_bytes(own_rules("true()"))
    async with opened(tmp_path / "rules") as running:
        with pytest.raises(Fault, match=r"rules\.sch is not the file that was installed"):
            await running.check(an_invoice())
