"""The official unit cases, by Saxon and by our engine from both forms of the rule files."""

import pytest

from tests.support.engines import native, oracle
from tests.support.rulesets import EN16931, MLS, PEPPOL
from tests.support.saxon import Said
from tests.support.unitcases import (
    Expectation,
    en16931_cases,
    en16931_files,
    peppol_cases,
    peppol_files,
    reporting_cases,
)
from ubl.schematron import build_tree
from ubl.xml import parse

pytestmark = pytest.mark.captured
ENGINES = ("native from the stylesheet", "native from the source", "saxon")


def judge(rules, engine, rule_set, document):
    root = parse(document)
    if engine == "saxon":
        return oracle(rules / rule_set.xslt).check(root)
    form = rule_set.sch if engine.endswith("source") else rule_set.xslt
    return native(rules / form).check(build_tree(root))


def broken_of(rules, engine, cases):
    return [
        line
        for case in cases
        for line in case.broken(judge(rules, engine, case.rules, case.document))
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_all_cases_of_en16931_hold(rules, engine):
    cases = en16931_cases(rules)
    assert (len(en16931_files(rules)), len(cases)) == (277, 1131)
    assert sum(len(case.expected) for case in cases) == 1133
    assert broken_of(rules, engine, cases) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_all_cases_of_peppol_hold(rules, engine):
    cases = peppol_cases(rules)
    assert (len(peppol_files(rules)), len(cases)) == (145, 543)
    assert sum(len(case.expected) for case in cases) == 552
    assert broken_of(rules, engine, cases) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bad_report_breaks_the_rule_it_is_named_for(rules, engine):
    cases = [case for case in reporting_cases(rules) if case.expected]
    assert len(cases) == 130
    assert broken_of(rules, engine, cases) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_good_report_breaks_no_rule(rules, engine):
    cases = [case for case in reporting_cases(rules) if not case.expected]
    assert len(cases) == 13
    assert [judge(rules, engine, case.rules, case.document) for case in cases] == [[]] * 13


@pytest.mark.parametrize("engine", ENGINES)
def test_the_examples_of_message_level_status_break_no_rule(rules, engine):
    documents = [path.read_bytes() for path in sorted(rules.glob("mls-1.0.1/examples/*.xml"))]
    assert len(documents) == 8
    assert [judge(rules, engine, MLS, document) for document in documents] == [[]] * 8


@pytest.mark.parametrize("engine", ENGINES)
def test_the_examples_of_billing_are_valid(rules, engine):
    paths = sorted(rules.glob("peppol-2026.5/examples/billing/*.xml"))
    assert len(paths) == 10
    fatal = [
        (path.name, said)
        for path in paths
        for rule_set in (EN16931, PEPPOL)
        for said in judge(rules, engine, rule_set, path.read_bytes())
        if said.severity == "fatal"
    ]
    assert fatal == []


def test_an_expectation_is_met_by_what_it_says_alone():
    said = [Said("R1", "fatal", "/", "m"), Said("R1", "fatal", "/a", "m")]
    assert Expectation("R1", "fatal").is_met(said)
    assert Expectation("R1", "fatal", times=2).is_met(said)
    assert Expectation("R2", "").is_met(said)
    assert not Expectation("R1", "fatal", times=1).is_met(said)
    assert not Expectation("R1", "warning").is_met(said)
    assert not Expectation("R1", "").is_met(said)
