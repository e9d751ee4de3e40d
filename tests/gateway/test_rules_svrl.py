"""A report as SVRL, read by the grammar of its standard."""

from gateway.rules.outcome import RuleSetInfo
from gateway.rules.report import Report
from gateway.rules.svrl import write_svrl
from tests.support.svrl import read_svrl
from ubl.findings import Finding, Severity

TEXT = "{http://purl.oclc.org/dsdl/svrl}text"
RULES = (RuleSetInfo("en16931", "1.3.16"),)


def svrl(*findings, rules=RULES, notes=()):
    return write_svrl(Report(findings, rules, "native", notes))


def a_finding(**changed):
    values = {
        "rule": "BR-CO-15", "severity": Severity.FATAL, "location": "/*:Invoice[1]",
        "message": "[BR-CO-15]-wrong",
    }  # fmt: skip
    return Finding(**values | changed)


def test_a_report_without_findings_names_its_rules():
    data = svrl(notes=("only EN 16931",))
    assert read_svrl(data) == []
    assert b'name="en16931 1.3.16"' in data
    assert b"<svrl:text>only EN 16931</svrl:text>" in data


def test_a_finding_is_a_failed_assertion():
    (failed,) = read_svrl(svrl(a_finding(term="BT-112", hint="add it up")))
    assert (failed.get("id"), failed.get("flag")) == ("BR-CO-15", "fatal")
    assert failed.get("location") == "/*:Invoice[1]"
    assert failed.findtext(TEXT) == "[BR-CO-15]-wrong"
    assert [(each.get("diagnostic"), each.text) for each in failed[:2]] == [
        ("term", "BT-112"), ("hint", "add it up"),
    ]  # fmt: skip


def test_warnings_are_flagged_so():
    (failed,) = read_svrl(svrl(a_finding(severity=Severity.WARNING)))
    assert failed.get("flag") == "warning"


def test_text_of_a_document_stays_text():
    nasty = "</svrl:text> & \" ' <b> ]]> \x00 \ud800 é\r\n"
    place = "/*:Invoice[namespace-uri()='a\"<b\x01'][1]\n"
    (failed,) = read_svrl(svrl(a_finding(message=nasty, location=place)))
    assert failed.findtext(TEXT) == nasty.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert failed.get("location") == place.replace("\x01", "\ufffd")


def test_a_check_without_rules_is_svrl_too():
    (failed,) = read_svrl(svrl(a_finding(location=""), rules=()))
    assert failed.get("location") == "/"
