"""The official unit cases: small documents with what the rules must say of them.

EN 16931 and Peppol come as VEFA test sets, of fragments that no schema would accept, so only the
rules are asked.  The reporting sets are whole documents, each named after the rule it breaks.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tests.support.rulesets import EN16931, EUSR, PEPPOL, TSR, RuleSet
from tests.support.saxon import Said
from ubl.xml import parse

_VEFA = "{http://difi.no/xsd/vefa/validator/1.0}"
_WORDS = {"success": "", "error": "fatal", "warning": "warning"}
_NAMED = re.compile(r"(eusr|tsr)-(\d+)")
_RAISED = {"DK-R-003"}
"""Rules that were warnings when the cases were written, and are fatal in the rules of today."""
_MISNAMED = {"eusr-26-1.xml": "27"}
"""A report that keeps the rule it is named for: one key of the two has the wrong scheme only."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """That *rule* fails with *severity*, *times* times unless that is 0; or that it holds."""

    rule: str
    severity: str
    times: int = 0

    def is_met(self, said: Iterable[Said]) -> bool:
        found = [one.severity for one in said if one.rule == self.rule]
        if not self.severity:
            return not found
        return set(found) == {self.severity} and self.times in (0, len(found))


@dataclass(frozen=True, slots=True)
class UnitCase:
    name: str
    rules: RuleSet
    document: bytes
    expected: tuple[Expectation, ...]

    def broken(self, said: list[Said]) -> list[str]:
        """Return what was expected and is not so."""
        return [f"{self.name}: {one}" for one in self.expected if not one.is_met(said)]


def en16931_files(rules: Path) -> list[Path]:
    return sorted(rules.glob("en16931-1.3.16/unit/*-unit-UBL/*"))


def peppol_files(rules: Path) -> list[Path]:
    return sorted(rules.glob("peppol-bis-3.0.19/unit/*/*"))


def en16931_cases(rules: Path) -> list[UnitCase]:
    return [case for path in en16931_files(rules) for case in read_test_set(path, EN16931)]


def peppol_cases(rules: Path) -> list[UnitCase]:
    return [case for path in peppol_files(rules) for case in read_test_set(path, PEPPOL)]


def reporting_cases(rules: Path) -> list[UnitCase]:
    """Return a case for each report: those in `bad-examples` break the rule they are named for."""
    cases = []
    for path in sorted(rules.glob("reporting-tests/*/*/*.xml")):
        named = _NAMED.match(path.name)
        expected: tuple[Expectation, ...] = ()
        if named and path.parent.name == "bad-examples":
            number = _MISNAMED.get(path.name, named[2])
            expected = (Expectation(f"SCH-{named[1].upper()}-{number}", "fatal"),)
        rule_set = EUSR if "eusr" in path.parts else TSR
        cases.append(UnitCase(path.name, rule_set, path.read_bytes(), expected))
    return cases


def read_test_set(path: Path, rules: RuleSet) -> Iterator[UnitCase]:
    """Yield the cases of one VEFA test set."""
    for number, test in enumerate(parse(path.read_bytes()).findall(f"{_VEFA}test"), 1):
        wanted, document = test.iterchildren(etree.Element)
        expected = tuple(_read_expectations(wanted))
        text = etree.tostring(document, with_tail=False)
        yield UnitCase(f"{path.name} {number}", rules, text, expected)


def _read_expectations(wanted: etree._Element) -> Iterator[Expectation]:
    for word, severity in _WORDS.items():
        for found in wanted.findall(_VEFA + word):
            rule = (found.text or "").strip()
            times = int(found.get("number", 0)) if severity else 0
            yield Expectation(rule, "fatal" if rule in _RAISED and severity else severity, times)
