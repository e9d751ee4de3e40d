"""Bad documents end as findings that name the place, whichever engine is asked."""

import re

import pytest

from gateway.clock import SystemClock
from gateway.rules.checker import Checker
from gateway.rules.installing import install_from_path
from gateway.settings import Settings
from gateway.settings.values import Stage
from tests.support import badinput
from tests.support.badinput import changed, valued
from tests.support.invoices import an_invoice_text
from ubl.findings import Severity

pytestmark = pytest.mark.captured
ENGINES = ("native", "saxon")
OVERLAY = "peppol-2026.5/xslt/PEPPOL-EN16931-UBL.xslt"


@pytest.fixture(scope="session")
def rules_dir(rules, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    install_from_path(rules / OVERLAY, folder, "3.0.21", lambda _: None)
    return folder


@pytest.fixture
async def checker(rules_dir, tmp_path):
    settings = Settings(stage=Stage.SANDBOX, data_dir=tmp_path, rules_dir=rules_dir)
    async with Checker.open(settings, SystemClock()) as opened:
        yield opened


async def unnamed_of(checker, cases, engine):
    """Return the cases whose report is valid, or names no place."""
    found = []
    for bad in cases:
        report = await checker.check(bad.data, engine=engine)
        if report.valid or not bad.is_named(report.findings):
            found.append((bad.name, report.findings))
    return found


async def test_the_invoice_that_is_spoilt_is_valid(checker):
    for engine in ENGINES:
        report = await checker.check(an_invoice_text(3), engine=engine)
        assert (report.findings, report.valid) == ((), True)
        assert [each.id for each in report.rules] == ["en16931", "peppol-bis3"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_is_not_xml_is_a_finding_at_its_line(checker, engine):
    cases = list(badinput.malformed_documents())
    assert len(cases) == 19
    assert await unnamed_of(checker, cases, engine) == []


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_the_schema_refuses_is_a_finding_at_its_element(checker, engine):
    cases = list(badinput.misshapen_documents())
    assert len(cases) == 27
    if engine == "saxon":  # the schema check is the same, and explaining takes its time
        cases = cases[::9]
    assert await unnamed_of(checker, cases, engine) == []


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_the_rules_refuse_is_a_finding_at_its_element(checker, engine):
    cases = list(badinput.untrue_documents())
    assert len(cases) == 9
    assert await unnamed_of(checker, cases, engine) == []


@pytest.mark.parametrize("bad", list(badinput.interrupted_documents()), ids=lambda bad: bad.name)
async def test_an_interrupted_value_is_pointed_out(checker, bad):
    # The official rules read such a value to its end, so it does not make a document invalid.
    report = await checker.check(bad.data)
    assert bad.is_named(report.findings)
    assert {finding.severity for finding in report.findings} == {Severity.WARNING}


@pytest.mark.parametrize("bad", list(badinput.doubled_documents()), ids=lambda bad: bad.name)
async def test_a_line_with_the_number_of_another_is_pointed_out(checker, bad):
    report = await checker.check(bad.data)
    assert report.valid
    [found] = [each for each in report.findings if each.rule == "REPEATED-LINE"]
    assert (found.severity, found.term) == (Severity.WARNING, "BT-126")
    assert found.location.endswith(
        "/*:InvoiceLine[namespace-uri()='"
        "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2'][3]"
    )


async def test_as_many_numbers_are_pointed_out_as_anybody_reads(checker):
    lines = an_invoice_text(60)
    report = await checker.check(
        re.sub(rb"(<cac:InvoiceLine>\s*<cbc:ID>)[0-9]+", rb"\g<1>1", lines)
    )
    assert len([each for each in report.findings if each.rule == "REPEATED-LINE"]) == 50


async def test_an_unknown_customization_is_checked_as_far_as_rules_exist(checker):
    report = await checker.check(
        valued("CustomizationID", "urn:example.org:own:1.0").replace(b">BE<", b">ZZ<")
    )
    assert [each.id for each in report.rules] == ["en16931"]
    assert "urn:example.org:own:1.0" in " ".join(report.notes)
    assert not report.valid


async def test_an_external_entity_never_reaches_saxon(checker, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("the secret word")
    head = b'<?xml version="1.0"?><!DOCTYPE Invoice [<!ENTITY x SYSTEM "%s">]>' % (
        secret.as_uri().encode()
    )
    body = valued("Note", "&x;").partition(b"\n")[2]
    report = await checker.check(head + body, engine="saxon")
    assert not report.valid
    assert "the secret word" not in repr(report)


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_attachment_of_ten_megabytes_is_legal(checker, engine):
    attachment = (
        b"<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment>"
        b'<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">'
        + b"QUJD" * (10 << 18)
        + b"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )
    before = b"  <cac:AccountingSupplierParty>"
    report = await checker.check(changed(before, attachment + before), engine=engine)
    assert (report.valid, report.findings) == (True, ())


async def test_text_that_a_table_would_run_is_only_text(checker):
    report = await checker.check(valued("Note", "=cmd|' /C calc'!A0"))
    assert report.findings == ()


async def test_more_elements_than_are_checked_are_refused(checker):
    text = an_invoice_text(1)
    line = text[text.index(b"  <cac:InvoiceLine>") : text.index(b"</Invoice>")]
    report = await checker.check(text.replace(line, line * 40_000))
    assert [finding.rule for finding in report.findings] == ["XML"]
    assert "elements" in report.findings[0].message


@pytest.mark.parametrize(
    ("country", "element", "text"),
    [
        ("BE", "EndpointID", "1" * 300_000),
        ("BE", "PayableAmount", "9" * 300_000),
        ("DE", "Note", "#SKONTO#TAGE=14#PROZENT=2" * 10_000),
        ("DE", "ElectronicMail", "a@" + "b." * 100_000),
        ("DE", "Telephone", "a1" * 100_000 + "!"),
        ("DE", "Telephone", "1".join(["a" * 6_600] * 3)),
        ("GR", "ID", "1|" * 100_000),
        ("IT", "CompanyID", "IT" + "1" * 300_000),
        ("SE", "CompanyID", "SE" + "1" * 300_000),
    ],
)
async def test_a_value_of_any_length_is_judged(checker, country, element, text):
    contact = (
        b"<cac:Contact><cbc:Name>N</cbc:Name><cbc:Telephone>1</cbc:Telephone>"
        b"<cbc:ElectronicMail>a@b.c</cbc:ElectronicMail></cac:Contact>"
    )
    end = b"</cac:PartyLegalEntity>\n"
    document = changed(end, end + contact).replace(b">BE<", b">%s<" % country.encode())
    document = document.replace(b"BE0123456749", country.encode() + b"0123456749")
    start = document.index(b">", document.index(b"<cbc:" + element.encode())) + 1
    document = document[:start] + text.encode() + document[document.index(b"<", start) :]
    report = await checker.check(document)
    assert {finding.rule for finding in report.findings} & {"XML", "UNCHECKED"} == set()
    assert len(report.rules) == 2
