"""The mutants: valid by their schema, the same for the same seed, and odd enough."""

import pytest

from tests.support.mutants import Maker
from tests.support.rulesets import KINDS, examples, schema_of
from ubl.xml import parse

pytestmark = pytest.mark.captured
SAMPLE = 150


@pytest.fixture(scope="module")
def maker(rules):
    return Maker(rules, seed=5)


def test_every_kind_has_examples(rules):
    found = {kind.id: len(examples(rules, kind)) for kind in KINDS}
    assert found == {
        "billing": 68, "self-billing": 9, "ubl-be": 36, "invoice-response": 14, "mlr": 1,
        "mls": 8, "eusr": 76, "tsr": 77,
    }  # fmt: skip


def test_a_mutant_is_valid_by_its_schema(rules, maker):
    broken = []
    for number in range(SAMPLE):
        mutant = maker.make(number)
        root = parse(mutant.data)
        schema = schema_of(rules, mutant.kind, root)
        if not schema.validate(root) and "blanks around all dates" not in mutant.changes:
            broken.append((number, mutant.changes, str(schema.error_log)))
    assert broken == []


def test_a_seed_and_a_number_make_one_mutant(rules, maker):
    again = Maker(rules, seed=5)
    assert [again.make(number) for number in (7, 3)] == [maker.make(number) for number in (7, 3)]


def test_another_seed_makes_another_mutant(rules, maker):
    assert Maker(rules, seed=6).make(3) != maker.make(3)


def test_mutants_are_of_every_kind_and_changed(maker):
    made = [maker.make(number) for number in range(SAMPLE)]
    assert {mutant.kind.id for mutant in made} == {kind.id for kind in KINDS}
    assert all(mutant.changes for mutant in made)
