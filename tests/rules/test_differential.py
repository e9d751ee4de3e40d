"""Our engine and Saxon say the same of every document: a sample of `make differential`."""

import pytest

from tests.support.engines import compare, differ
from tests.support.mutants import SOURCE_BYTES_MAX, Maker
from tests.support.rulesets import KINDS, examples
from tests.support.saxon import Said
from tests.support.unitcases import en16931_cases, peppol_cases, reporting_cases
from ubl.xml import parse

SAMPLE = {
    "billing": 150, "self-billing": 40, "ubl-be": 20, "invoice-response": 50, "mlr": 30,
    "mls": 50, "eusr": 50, "tsr": 50,
}  # fmt: skip
EXAMPLES = {
    "billing": 68, "self-billing": 9, "ubl-be": 36, "invoice-response": 14, "mlr": 1,
    "mls": 8, "eusr": 76, "tsr": 77,
}  # fmt: skip
HERE = Said("R1", "fatal", "/", "two")


def differences(rules, rule_sets, data):
    root = parse(data, bytes_max=SOURCE_BYTES_MAX)
    return [str(one) for one in compare(rules, rule_sets, root).differences]


@pytest.mark.captured
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_no_mutant_is_judged_differently(rules, kind):
    maker = Maker(rules, seed=20_261_122, kinds=[kind])
    mutants = [maker.make(number) for number in range(SAMPLE[kind.id])]
    found = {
        (mutant.number, mutant.source, mutant.changes): different
        for mutant in mutants
        if (different := differences(rules, kind.rules, mutant.data))
    }
    assert len({mutant.number for mutant in mutants}) == SAMPLE[kind.id]
    assert found == {}


@pytest.mark.captured
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_no_example_is_judged_differently(rules, kind):
    paths = examples(rules, kind)
    assert len(paths) == EXAMPLES[kind.id]
    assert [differences(rules, kind.rules, path.read_bytes()) for path in paths] == [[]] * len(
        paths
    )


@pytest.mark.captured
@pytest.mark.parametrize(
    ("read_cases", "number"),
    [(en16931_cases, 1131), (peppol_cases, 543), (reporting_cases, 143)],
)
def test_no_unit_case_is_judged_differently(rules, read_cases, number):
    cases = read_cases(rules)
    assert len(cases) == number
    found = [(case.name, differences(rules, (case.rules,), case.document)) for case in cases]
    assert [one for one in found if one[1]] == []


@pytest.mark.parametrize(
    ("theirs", "about"),
    [
        ([], "verdict"),
        ([HERE, HERE], "verdict"),
        ([Said("R2", "fatal", "/", "two")], "verdict"),
        ([Said("R1", "warning", "/", "two")], "verdict"),
        ([Said("R1", "fatal", "/a", "two")], "verdict"),
        ([Said("R1", "fatal", "/", "", error=True)], "verdict"),
        ([Said("R1", "fatal", "/", "three")], "message"),
    ],
)
def test_what_counts_as_a_difference(theirs, about):
    found = differ("set", [HERE], theirs)
    assert found is not None
    assert found.about == about


def test_the_order_of_findings_is_no_difference():
    other = Said("R2", "fatal", "/", "m")
    assert differ("set", [HERE, other], [other, HERE]) is None
