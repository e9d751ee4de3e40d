"""What `make differential` says when the engines differ."""

import sys
from collections import Counter

import pytest

from tests.rules import __main__ as command
from tests.rules import differential
from tests.rules.differential import Tally
from tests.support import engines
from tests.support.rulesets import TSR

pytestmark = pytest.mark.captured
BAD_REPORT = "reporting-tests/tsr/bad-examples/tsr-01-1.xml"


class Silent:
    """An engine that finds nothing."""

    def check(self, tree):
        return []


class Broken:
    """An engine that fails."""

    def check(self, tree):
        raise ZeroDivisionError


def compared(rules, monkeypatch, engine):
    monkeypatch.setattr(engines, "native", lambda path: engine)
    tally = Tally()
    data = (rules / BAD_REPORT).read_bytes()
    differential._compare_one(tally, "mutants", rules, (TSR,), "the title", data)
    return tally


def test_a_difference_is_counted_and_shown_in_the_smallest_document(rules, monkeypatch):
    tally = compared(rules, monkeypatch, Silent())
    assert dict(tally.differences) == {"verdict": 1}
    [shown] = tally.shown
    title, head, line, *document = shown.splitlines()
    assert (title, head) == ("the title", "tsr: another verdict")
    assert "Saxon alone: Said(rule='SCH-TSR-01'" in line
    assert len("".join(document)) < len((rules / BAD_REPORT).read_bytes()) / 2


def test_a_crash_is_the_difference_that_names_its_document(rules, monkeypatch):
    tally = compared(rules, monkeypatch, Broken())
    assert dict(tally.differences) == {"crash": 1}
    assert tally.shown[0].startswith("the title\nZeroDivisionError()")


@pytest.mark.parametrize(
    ("documents", "code"),
    [
        ({}, 1),
        ({"examples": 289, "unit cases": 1817, "mutants": 7}, 0),
        ({"examples": 288, "unit cases": 1817, "mutants": 7}, 1),
        ({"examples": 289, "unit cases": 0, "mutants": 7}, 1),
        ({"examples": 289, "unit cases": 1817, "mutants": 6}, 1),
    ],
)
def test_what_compared_too_little_has_not_succeeded(rules, monkeypatch, capsys, documents, code):
    tally = Tally(documents=Counter(documents))
    monkeypatch.setattr(command, "run", lambda *_, **__: tally)
    monkeypatch.setattr(sys, "argv", ["differential", "--count", "7"])
    assert command.main() == code
    assert ("were compared, and not" in capsys.readouterr().err) == bool(code)


def test_no_difference_is_no_news(rules, monkeypatch):
    tally = compared(rules, monkeypatch, engines.native(rules / TSR.xslt))
    assert (tally.documents.total(), tally.runs, tally.findings) == (1, 1, 1)
    assert (tally.differences.total(), tally.shown) == (0, [])
