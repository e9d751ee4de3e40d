"""Operators on one value or none."""

from decimal import Decimal

import pytest

from tests.ubl.schematron.rulebook import holds
from ubl.schematron import EvaluationError
from ubl.schematron.optional import (
    absolute_number,
    is_equal,
    is_greater,
    is_less,
    is_not_greater,
    is_not_less,
    is_other,
    item_at,
    needed,
    only,
    remain,
    round_cents,
)


def test_nothing_compares_with_nothing():
    """[XPATH2 §3.5.1]"""
    for compare in (is_equal, is_other, is_less, is_not_greater, is_greater, is_not_less):
        assert [compare(None, None), compare(1, None), compare(None, 1)] == [False] * 3


def test_two_values_compare_as_python_has_them():
    for compare, expected in [
        (is_equal, [False, True, False]),
        (is_other, [True, False, True]),
        (is_less, [True, False, False]),
        (is_not_greater, [True, True, False]),
        (is_greater, [False, False, True]),
        (is_not_less, [False, True, True]),
    ]:
        assert [compare(first, Decimal(2)) for first in (1, 2, 3)] == expected, compare


def test_of_several_values_none_is_taken():
    assert [only([]), only([7])] == [None, 7]
    with pytest.raises(EvaluationError, match="XPTY0004"):
        only([7, 7])


def test_what_is_needed_must_be_there():
    assert needed(0) == 0
    with pytest.raises(EvaluationError, match="XPTY0004"):
        needed(None)


def test_an_item_is_found_from_one_on():
    assert [item_at("ab", position) for position in (-1, 0, 1, 2, 3)] == [
        None,
        None,
        "a",
        "b",
        None,
    ]


def test_what_remains_has_the_sign_of_what_is_divided():
    """[FUNCTIONS §6.2.6]"""
    assert [remain(7, 3), remain(-7, 3), remain(7, -3), remain(None, 3)] == [1, -1, 1, None]
    with pytest.raises(EvaluationError, match="FOAR0001"):
        remain(7, 0)


def test_amounts_are_rounded_to_cents_and_halves_upwards():
    """[FUNCTIONS §6.4.1] [FUNCTIONS §6.4.4]"""
    for text, expected in [("1.005", "1.01"), ("-1.005", "-1.00"), ("2", "2"), ("0.0149", "0.01")]:
        assert round_cents(Decimal(text)) == Decimal(expected)
    assert [round_cents(3), round_cents(None), round_cents(0.125)] == [3, None, 0.13]
    assert [absolute_number(Decimal(-2)), absolute_number(None)] == [2, None]


def test_rounding_to_cents_is_what_the_expression_gives():
    for test in (
        "round(xs:decimal(-1.005) * 10 * 10) div 100 = -1",
        "round(count(//a) * 10 * 10) div 100 = 2",
        "round(xs:decimal(//b) * 10 * 10) div 100 = 2.35",
        "not(round(xs:decimal(//c) * 10 * 10) div 100 = 0)",
    ):
        assert holds(test, "<r><a/><a/><b>2.345</b></r>"), test
