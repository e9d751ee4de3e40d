"""Operators on one value or none, which is None: what the compiler writes where types are known.

An operator on nothing gives nothing, and a comparison with nothing is false.  [XPATH2 §3.4]
"""

import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Final

from ubl.schematron.errors import EvaluationError

__all__ = [
    "EXACT",
    "absolute_number",
    "add",
    "divide",
    "is_equal",
    "is_greater",
    "is_less",
    "is_not_greater",
    "is_not_less",
    "is_other",
    "item_at",
    "multiply",
    "needed",
    "only",
    "remain",
    "round_cents",
    "round_number",
    "subtract",
]

# LIMIT: digits of a decimal; sums of amounts need some thirty, a number has 4,000 at most.
EXACT: Final = Context(prec=10_000)
# What Saxon gives of a quotient; the specification leaves it to the implementation.
QUOTIENT_DIGITS: Final = 18

_HALF: Final = Decimal("0.5")


def only(values: Sequence[Any]) -> Any:
    """Return the only one of *values*, None without one; more are an error."""
    if len(values) == 1:
        return values[0]
    if values:
        raise EvaluationError("XPTY0004", "there is more than one where one is expected")
    return None


def needed(value: Any) -> Any:
    """Return *value*, which must be there."""
    if value is None:
        raise EvaluationError("XPTY0004", "a value is missing")
    return value


def item_at(values: Sequence[Any], position: int) -> Any:
    """Return the one of *values* at *position*, which counts from 1, or None."""
    return values[position - 1] if 0 < position <= len(values) else None


def is_equal(first: Any, second: Any) -> Any:
    """Say whether there are both and they are equal."""
    return first is not None and second is not None and first == second


def is_other(first: Any, second: Any) -> Any:
    """Say whether there are both and they are not equal."""
    return first is not None and second is not None and first != second


def is_less(first: Any, second: Any) -> Any:
    """Say whether there are both and *first* is less than *second*."""
    return first is not None and second is not None and first < second


def is_not_greater(first: Any, second: Any) -> Any:
    """Say whether there are both and *first* is *second* or less."""
    return first is not None and second is not None and first <= second


def is_greater(first: Any, second: Any) -> Any:
    """Say whether there are both and *first* is greater than *second*."""
    return first is not None and second is not None and first > second


def is_not_less(first: Any, second: Any) -> Any:
    """Say whether there are both and *first* is *second* or greater."""
    return first is not None and second is not None and first >= second


def add(first: Any, second: Any) -> Any:
    """Return the sum of two numbers of one kind, None if one is missing."""
    return None if first is None or second is None else first + second


def subtract(first: Any, second: Any) -> Any:
    """Return the difference of two numbers of one kind, None if one is missing."""
    return None if first is None or second is None else first - second


def multiply(first: Any, second: Any) -> Any:
    """Return the product of two numbers of one kind, None if one is missing."""
    return None if first is None or second is None else first * second


def divide(first: Any, second: Any) -> Any:
    """Return *first* `div` *second*, None if one is missing.  [FUNCTIONS §6.2.4]"""
    if first is None or second is None:
        return None
    if isinstance(first, float) or isinstance(second, float):
        return _divide_doubles(float(first), float(second))
    if not second:
        raise EvaluationError("FOAR0001", "division by zero")
    return _divide_decimals(Decimal(first), Decimal(second))


def _divide_doubles(first: float, second: float) -> float:
    if second:
        return first / second
    if not first or math.isnan(first):
        return math.nan
    return math.copysign(math.inf, first) * math.copysign(1, second)


def _divide_decimals(first: Decimal, second: Decimal) -> Decimal:
    """Divide with whole numbers, which shows exactly what is left for rounding."""
    if second == 1:
        return first
    if second == 100:
        # Amounts are rounded to cents this way; the quotient has two places more, exactly.
        exact = first.scaleb(-2)
        if exact.as_tuple().exponent >= -QUOTIENT_DIGITS:  # type: ignore[operator] # it is finite
            return exact
    first, second = EXACT.normalize(first), EXACT.normalize(second)
    places = QUOTIENT_DIGITS + max(_count_places(first) - _count_places(second), 0)
    shift = max(_count_places(first), _count_places(second))
    over = int(EXACT.scaleb(first.copy_abs(), shift + places))
    under = int(EXACT.scaleb(second.copy_abs(), shift))
    whole, rest = divmod(over, under)
    quotient = EXACT.scaleb(Decimal(whole + (2 * rest > under)), -places)
    return quotient.copy_negate() if (first < 0) != (second < 0) else quotient


def _count_places(number: Decimal) -> int:
    return max(-int(number.as_tuple().exponent), 0)


def remain(first: Any, second: Any) -> Any:
    """Return *first* `mod` *second*, None if one is missing.  [FUNCTIONS §6.2.6]"""
    if type(first) is int and type(second) is int and first >= 0 and second > 0:
        return first % second
    if first is None or second is None:
        return None
    if isinstance(first, float) or isinstance(second, float):
        undefined = not second or not math.isfinite(first) or math.isnan(second)
        return math.nan if undefined else math.fmod(first, second)
    if not second:
        raise EvaluationError("FOAR0001", "division by zero")
    if isinstance(first, int) and isinstance(second, int):
        rest = abs(first) % abs(second)
        return -rest if first < 0 else rest
    return Decimal(first) % Decimal(second)


def round_number(number: float | Decimal | None) -> Any:
    """Return the whole number nearest to *number*, None for None."""
    if isinstance(number, Decimal):
        return (number + _HALF).to_integral_value(ROUND_FLOOR)
    if number is None or isinstance(number, int):
        return number
    if not math.isfinite(number):
        return number
    whole = math.floor(number)
    return math.copysign(float(whole + (number - whole >= 0.5)), number)


def round_cents(number: float | Decimal | None) -> Any:
    """Return `round(number * 10 * 10) div 100`, which is how rules round amounts."""
    if isinstance(number, Decimal):
        return (number * 100 + _HALF).to_integral_value(ROUND_FLOOR).scaleb(-2)
    return divide(round_number(multiply(multiply(number, 10), 10)), 100)


def absolute_number(number: float | Decimal | None) -> Any:
    """Return *number* without its sign.  [FUNCTIONS §6.4.1]"""
    return None if number is None else abs(number)
