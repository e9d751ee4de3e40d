"""Every case passes on an access point that works, and fails on one that has its fault."""

import os
import random
from pathlib import Path

import pytest

from conformance.cases import all_cases
from conformance.suite.outcome import Outcome
from tests.conformance.crossing import cross, is_selective, page, read_page, result_of, watching
from tests.conformance.mutants import MUTANTS

CASES = {case.id: case for case in all_cases()}
PAGE = Path(__file__).resolve().parents[2] / "conformance" / "MUTANTS.md"
TABLE = read_page(PAGE.read_text())
SEED = int(os.environ.get("PEPPOL_TEST_SEED", "7"))
SAMPLES = 24
OUT_OF_DATE = "PEPPOL_TEST_UPDATE_MUTANTS=1 makes the table anew"


@pytest.mark.parametrize("case_id", MUTANTS)
async def test_a_case_is_green_on_what_works_and_red_on_its_mutant(case_id):
    touched = set()
    control = await result_of(CASES[case_id], watching(touched))
    assert (control.outcome, control.reason) == (Outcome.PASSED, "")
    found = await result_of(CASES[case_id], MUTANTS[case_id].dials)
    assert found.outcome is Outcome.FAILED
    assert not found.reason.startswith(("the case broke", "it did not end"))
    selective = {name for name in reds_of(case_id) if is_selective(MUTANTS[name])}
    assert selective <= touched, OUT_OF_DATE
    for name in touched - selective:
        harmless = await result_of(CASES[case_id], MUTANTS[name].dials)
        assert harmless.outcome is Outcome.PASSED, OUT_OF_DATE


def reds_of(case_id):
    """The mutants that turn a case red, as the table says."""
    return {name for name, (_, red) in TABLE.items() if case_id in red}


@pytest.mark.parametrize("case_id", sorted(CASES.keys() - MUTANTS.keys()))
async def test_a_case_without_a_mutant_is_never_applicable(case_id):
    assert (await result_of(CASES[case_id])).outcome is Outcome.NOT_APPLICABLE


def cells():
    """Some cells of the table, half of them red; PEPPOL_TEST_SEED chooses them."""
    chance = random.Random(SEED)
    red = sorted((case_id, name) for name, (_, reds) in TABLE.items() for case_id in reds)
    all_cells = sorted((case_id, name) for case_id in MUTANTS for name in MUTANTS)
    green = [cell for cell in all_cells if cell not in set(red)]
    return chance.sample(red, min(SAMPLES // 2, len(red))) + chance.sample(green, SAMPLES // 2)


@pytest.mark.parametrize(("case_id", "name"), cells())
async def test_a_cell_of_the_table_is_as_it_says(case_id, name):
    is_red = (await result_of(CASES[case_id], MUTANTS[name].dials)).outcome is Outcome.FAILED
    assert is_red == (name in reds_of(case_id))


async def test_the_table_has_every_mutant_in_its_words():
    if os.environ.get("PEPPOL_TEST_UPDATE_MUTANTS"):
        PAGE.write_text(page(list(CASES.values()), await cross(list(CASES.values()))))
    assert {name: words for name, (words, _) in read_page(PAGE.read_text()).items()} == {
        name: mutant.words for name, mutant in MUTANTS.items()
    }


def test_no_two_cases_have_one_mutant():
    assert len({mutant.words for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_what_else_goes_red_has_a_reason():
    assert [line for line in PAGE.read_text().splitlines() if ":  |" in line] == []
