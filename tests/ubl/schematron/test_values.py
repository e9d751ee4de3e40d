"""Values of XPath as Python has them, and the ways from one to another."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ubl.schematron import EvaluationError
from ubl.schematron.functions import Words, convert, number, replace, tokenize
from ubl.schematron.operators import union
from ubl.schematron.optional import divide
from ubl.schematron.values import (
    Leaf,
    Untyped,
    as_boolean,
    as_date,
    as_decimal,
    as_double,
    as_integer,
    as_string,
    truth,
)


@pytest.mark.parametrize(
    ("cast", "text", "value"),
    [
        (as_decimal, " 1.50\n", Decimal("1.5")),
        (as_decimal, "+.5", Decimal("0.5")),
        (as_decimal, 0.1, Decimal("0.1000000000000000055511151231257827021181583404541015625")),
        (as_integer, "-07", -7),
        (as_integer, Decimal("3.7"), 3),
        (as_double, "1e3", 1000.0),
        (as_double, "-INF", -math.inf),
        (as_boolean, " true ", True),
        (as_boolean, "0", False),
        (as_date, "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        (as_string, Decimal("100.00"), "100"),
        (as_string, Decimal("-0.0"), "0"),
        (as_string, 1e-7, "1.0E-7"),
        (as_string, 1.5e15, "1.5E15"),
        (as_string, -0.0, "-0"),
        (as_string, math.nan, "NaN"),
        (as_string, datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29"),
        (as_string, None, ""),
    ],
)
def test_a_value_is_cast(cast, text, value):
    """[FUNCTIONS §17.1.2]"""
    assert cast(text) == value


@pytest.mark.parametrize(
    ("cast", "text"),
    [
        (as_decimal, ""),
        (as_decimal, "1e3"),
        (as_decimal, "1_000"),
        (as_decimal, "\u0661"),
        (as_decimal, "9" * 5000),
        (as_decimal, math.nan),
        (as_integer, "1.0"),
        (as_integer, "9" * 5000),
        (as_integer, math.inf),
        (as_double, "inf"),
        (as_double, "0x1"),
        (as_boolean, "yes"),
        (as_date, "2023-02-29"),
        (as_date, "24-02-29"),
    ],
)
def test_what_is_no_value_of_a_type_is_an_error(cast, text):
    """[FUNCTIONS §17]"""
    with pytest.raises(EvaluationError):
        cast(text)


def test_a_number_is_called_too_long_and_not_wrong():
    with pytest.raises(EvaluationError, match="a number of 5000 characters is not read"):
        as_double("9" * 5000)


def test_an_attribute_is_true_whatever_it_holds():
    """[XPATH2 §2.4.3]"""
    assert truth([Leaf("")])
    assert not truth([Untyped("")])
    assert not truth([])
    assert not truth([math.nan])


def test_two_values_are_neither_true_nor_false():
    """[XPATH2 §2.4.3]"""
    with pytest.raises(EvaluationError, match="FORG0006"):
        truth(["a", "b"])


def test_what_has_no_type_becomes_what_a_parameter_asks_for():
    """[XPATH2 §3.1.5]"""
    assert convert([Untyped("1.5")], "xs:decimal") == [Decimal("1.5")]
    assert convert([], "xs:string?") == []
    assert type(convert([Untyped("a")], "xs:string")[0]) is str


@pytest.mark.parametrize(
    ("items", "kind"),
    [([], "xs:string"), (["a", "b"], "xs:string?"), ([1], "xs:string"), ([True], "xs:integer")],
)
def test_what_is_not_what_a_parameter_asks_for_is_an_error(items, kind):
    with pytest.raises(EvaluationError, match="XPTY0004"):
        convert(items, kind)


def test_a_quotient_of_decimals_has_eighteen_digits_more():
    """[FUNCTIONS §6.2.4]"""
    assert str(divide(Decimal(2), 3)) == "0.666666666666666667"
    assert divide(Decimal("123.456"), 100) == Decimal("1.23456")
    assert divide(1.0, 0.0) == math.inf
    assert divide(-1.0, 0.0) == -math.inf
    assert math.isnan(divide(0.0, 0.0))
    assert divide(None, 3) is None


def test_a_word_is_found_in_a_list_as_in_its_text():
    words = Words(" A  B C ")
    for word in ("A", "B", "A B", "B C", "", "D", " ", "A  B"):
        assert words.has(word) == (f" {word} " in words.text), word


def test_a_text_that_is_no_number_is_not_a_number():
    assert math.isnan(number("x"))
    assert math.isnan(number(None))


def test_a_separator_that_matches_nothing_is_an_error():
    with pytest.raises(EvaluationError, match="FORX0003"):
        tokenize("ab", "x*")
    with pytest.raises(EvaluationError, match="FORX0004"):
        replace("ab", "a", "$0")


def test_a_union_of_nothing_is_empty():
    assert union([]) == []
