"""What is true of all cases: names, sources, and the assertions that they cover."""

import json
from pathlib import Path

import pytest

from conformance.cases import all_cases
from conformance.cases.as4 import absent
from conformance.suite.case import SUITES
from conformance.suite.runner import select

ROOT = Path(__file__).resolve().parents[2]
CASES = all_cases()
ABSENT = {case.id for case in absent.CASES}


def test_each_case_has_a_name_of_its_own_below_its_suite():
    assert len({case.id for case in CASES}) == len(CASES)
    assert {case.suite for case in CASES} == set(SUITES)


def test_at_least_eighty_cases_apply_to_our_own_gateway():
    assert len(CASES) - len(ABSENT) >= 80


def test_each_case_cites_a_known_specification():
    rows = (ROOT / "conformance/specs/index.tsv").read_text().splitlines()[1:]
    known = {row.split("\t")[0] for row in rows}
    assert all(case.sources for case in CASES)
    cited = {source.partition(" §")[0] for case in CASES for source in case.sources}
    assert cited <= known


def test_each_case_says_in_a_sentence_what_is_required():
    assert [c.id for c in CASES if not c.requirement.endswith(".") or c.title.endswith(".")] == []


def assertions():
    never_given = {11, 18, 20, 39, 40, 41, 42, 43, 44}
    numbers = [f"{number:02}" for number in range(1, 46) if number not in never_given]
    return {f"AS4_CP_TA{number}" for number in numbers} | {
        f"AS4_4CT_TA{number}" for number in ("01", "02", "03")
    }


def test_every_assertion_of_the_edelivery_conformance_test_has_a_case():
    covered = {name for case in CASES for name in case.assertions}
    assert covered == assertions()


@pytest.mark.captured
def test_the_assertions_are_those_that_were_published(test_data):
    published = json.loads((test_data / "as4-assertions.json").read_text())
    assert {row["id"] for row in published} == assertions()


def test_cases_are_chosen_by_suite_and_by_the_beginning_of_their_name():
    assert {case.suite for case in select(CASES, ["smp", "as4"], [])} == {"as4", "smp"}
    assert {case.id for case in select(CASES, [], ["as4.ping"])} == {
        "as4.ping.plain",
        "as4.ping.with-payload",
    }


@pytest.mark.parametrize(
    ("suites", "names"),
    [(["as5"], []), ([], ["as4.pin"]), ([], ["nothing"]), (["smp"], ["as4.ping"])],
)
def test_an_unknown_suite_or_case_is_said(suites, names):
    with pytest.raises(ValueError, match=r"there is no (suite|case)|none of the cases as4\.ping"):
        select(CASES, suites, names)
