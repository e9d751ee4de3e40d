"""Hints: complete in each language, for rules that exist, in words that help."""

import re

import pytest

from gateway.languages import LANGUAGES
from gateway.rules import hints
from gateway.rules.hints import explain
from ubl.findings import Finding, Severity

MOST_COMMON = {
    "BR-CO-10",
    "BR-CO-13",
    "BR-CO-15",
    "BR-CO-16",
    "BR-CO-17",
    "BR-CO-26",
    "BR-S-08",
    "BR-E-10",
    "BR-AE-02",
    "BR-AE-10",
    "BR-IC-02",
    "BR-IC-11",
    "BR-IC-12",
    "PEPPOL-COMMON-R043",
    "PEPPOL-EN16931-R001",
    "PEPPOL-EN16931-R003",
    "PEPPOL-EN16931-R010",
    "PEPPOL-EN16931-R020",
    "PEPPOL-EN16931-R040",
    "PEPPOL-EN16931-R041",
    "PEPPOL-EN16931-R043",
    "PEPPOL-EN16931-R053",
    "PEPPOL-EN16931-R120",
}


def a_finding(rule, **changed):
    values = {"severity": Severity.FATAL, "location": "", "message": f"[{rule}]-wrong"}
    return Finding(rule=rule, **values | changed)


def hinted_rules():
    return set(hints._hints()["en"])


def hint(rule, language):
    return explain(a_finding(rule), language).hint


def test_the_most_common_failures_have_hints():
    assert hinted_rules() >= MOST_COMMON
    assert len({hint(rule, "en") for rule in hinted_rules()}) >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_rule_has_its_own_words_in_each_language(language):
    others = set(LANGUAGES) - {language}
    for rule in hinted_rules():
        assert len(hint(rule, language)) > 30
        assert all(hint(rule, language) != hint(rule, other) for other in others)


@pytest.mark.parametrize("language", LANGUAGES)
def test_hints_say_the_same_codes_in_each_language(language):
    code = re.compile(r"VATEX-EU-[A-Z]+|\b[0-9]{4}\b|urn:[a-z0-9:.#]+[a-z0-9]|\b[A-Z]{3}\b")
    differing = {
        rule
        for rule in hinted_rules()
        if set(code.findall(hint(rule, language))) - WORDS
        != set(code.findall(hint(rule, "en"))) - WORDS
    }
    assert differing == set()


WORDS = {"VAT", "TVA", "PDF", "PNG", "CSV", "ODS", "GLN", "POS"}
"""Capitals that are words of a language, and no codes."""


def test_a_rule_without_hint_keeps_its_message_alone():
    finding = a_finding("UBL-CR-001", message="[UBL-CR-001]-An invoice should not have it")
    assert explain(finding, "nl") == finding


def test_what_a_finding_says_already_stays():
    finding = a_finding("BR-CO-10", term="BT-1", hint="as before")
    assert explain(finding, "fr") == finding


def test_another_language_is_refused():
    with pytest.raises(KeyError):
        explain(a_finding("BR-CO-10"), "es")


@pytest.mark.captured
def test_every_hint_is_for_a_rule_of_the_official_files(test_data):
    folder = test_data / "rules" / "peppol-2026.5" / "sch"
    official = {
        rule
        for name in ("CEN-EN16931-UBL.sch", "PEPPOL-EN16931-UBL.sch")
        for rule in re.findall(r'\bid="([A-Z][A-Za-z0-9-]+)"', (folder / name).read_text())
    }
    assert len(official) > 1_000
    assert hinted_rules() - official == set()
