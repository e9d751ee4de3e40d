"""The matrix of clauses is what the sources say, and each divergence has a test that is there."""

import os
import re
from pathlib import Path

import pytest

from conformance.matrix import (
    Clause,
    Traces,
    cited_in_tests,
    read_titles,
    read_traces,
    write_matrix,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "conformance/MATRIX.md"
DIVERGENCES = ROOT / "conformance/specs/divergences.md"
ROWS = re.findall(
    r"^\| ([A-Z][A-Z0-9-]+) §(\S+) \|.*\| `([^`]+)` \|$", DIVERGENCES.read_text(), re.MULTILINE
)


def test_the_matrix_is_what_the_sources_cite():
    wanted = write_matrix(read_traces(ROOT), read_titles(ROOT))
    if os.environ.get("PEPPOL_TEST_UPDATE_MATRIX"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted, "PEPPOL_TEST_UPDATE_MATRIX=1 writes it anew"


def test_a_clause_is_tried_by_what_cites_it_or_a_clause_inside_it():
    traces = Traces()
    traces.code[Clause("AS4", "3")].add("as4/a.py")
    traces.code[Clause("AS4", "31")].add("as4/b.py")
    traces.tried[Clause("AS4", "3.1")].add("tests/as4/test_other.py")
    assert traces.who_tries(Clause("AS4", "3")) == ["tests/as4/test_other.py"]
    assert traces.untried() == [Clause("AS4", "31")]


MODULE = '''"""All of it.  [AS4 §1]"""

HELPS = 1  # [AS4 §2]


def helper():
    """[AS4 §3]"""


@pytest.mark.system  # [AS4 §4]
async def test_one():
    """[AS4 §5]"""
    assert helper()  # [AS4 §6]
'''


def test_a_citation_counts_at_the_head_of_a_module_and_inside_a_test():
    found = list(cited_in_tests(MODULE))
    assert [(clause.number, test) for clause, test in found] == [
        ("1", ""),
        ("5", "test_one"),
        ("6", "test_one"),
    ]


def test_a_clause_that_a_case_tries_has_its_id():
    tried = read_traces(ROOT).tried[Clause("RFC5322", "2.2.3")]
    assert "as4.mime.header-folding" in tried


def test_a_case_that_is_never_applicable_tries_nothing():
    named = {name for names in read_traces(ROOT).tried.values() for name in names}
    assert "as4.two-way.reply" not in named


def test_unit_tests_are_known_by_the_name_of_what_they_test():
    traces = Traces(tests=["tests/as4/test_b_faults.py", "tests/smp/test_b.py"])
    traces.code[Clause("AS4", "31")].add("as4/b.py")
    assert traces.unit_tests(Clause("AS4", "31")) == ["tests/as4/test_b_faults.py"]
    assert traces.untried() == []


def test_clauses_are_ordered_as_numbers():
    traces = Traces()
    for number in ("10", "9", "A.1"):
        traces.code[Clause("AS4", number)].add("as4/a.py")
    page = write_matrix(traces, {"AS4": "title"})
    assert re.findall(r"^\| ([0-9A][^ ]*) ", page, re.MULTILINE) == ["9", "10", "A.1"]


def test_divergences_are_read():
    assert len(ROWS) == DIVERGENCES.read_text().count(" §")


@pytest.mark.parametrize(("specification", "clause", "test"), ROWS)
def test_each_divergence_names_a_known_clause_and_a_test_that_is_there(specification, clause, test):
    assert specification in read_titles(ROOT), clause
    path, _, name = test.partition("::")
    assert f"def {name}" in (ROOT / path).read_text()
