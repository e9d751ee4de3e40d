"""Comparison and arithmetic on values of which no more is known before.  [XPATH2 §3.5]

The compiler writes plain Python where it knows the types; the rest comes here.
"""

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ubl.schematron.errors import EvaluationError
from ubl.schematron.optional import divide, remain, round_number
from ubl.schematron.tree import Node
from ubl.schematron.values import (
    Item,
    Untyped,
    as_boolean,
    as_date,
    as_double,
    atom,
    atom_or_none,
)

__all__ = [
    "NUMBERS",
    "SIGNS",
    "arithmetic",
    "compare_any",
    "compare_booleans",
    "compare_numbers",
    "compare_one",
    "compare_plain",
    "negate",
    "round_half_up",
    "sum_of",
    "sum_of_decimals",
    "union",
]

# In Python a truth value is a number, too.
NUMBERS: Final = (int, float, Decimal)

SIGNS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ADDING: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def compare_any(left: Sequence[Item], right: Collection[Item], sign: str) -> bool:
    """Say whether any item of *left* compares with any of *right*.  [XPATH2 §3.5.2]"""
    if not left or not right:
        return False
    test = SIGNS[sign]
    others = [atom(item) for item in right]
    return any(_compare(atom(item), other, test) for item in left for other in others)


def compare_one(left: Sequence[Item], right: Sequence[Item], sign: str) -> bool | None:
    """Compare the only items of *left* and *right*; None without one.  [XPATH2 §3.5.1]"""
    first, second = atom_or_none(left), atom_or_none(right)
    if first is None or second is None:
        return None
    first = str(first) if isinstance(first, Untyped) else first
    second = str(second) if isinstance(second, Untyped) else second
    return _compare(first, second, SIGNS[sign])


def compare_numbers(texts: Sequence[str], number: float | Decimal, sign: str) -> bool:
    """Say whether any of *texts*, as a double, compares with *number*."""
    test, other = SIGNS[sign], float(number)
    return any(test(as_double(text), other) for text in texts)


def compare_booleans(texts: Sequence[str], value: bool, sign: str) -> bool:
    """Say whether any of *texts*, as a boolean, compares with *value*."""
    test = SIGNS[sign]
    return any(test(as_boolean(text), value) for text in texts)


def arithmetic(left: Sequence[Item], right: Sequence[Item], sign: str) -> Any:
    """Return *left* *sign* *right*, or None if one is empty.  [XPATH2 §3.4]"""
    first, second = _number_or_none(left), _number_or_none(right)
    if first is None or second is None:
        return None
    if isinstance(first, float):
        second = float(second)
    elif isinstance(second, float):
        first = float(first)
    add = _ADDING.get(sign)
    if add is not None:
        return add(first, second)
    if sign == "div":
        return divide(first, second)
    return remain(first, second) if sign == "mod" else _divide_whole(first, second)


def compare_plain(values: Sequence[Any], other: Any, sign: str) -> bool:
    """Say whether any of *values*, which are like *other*, compares with it; None is none."""
    if other is None:
        return False
    test = SIGNS[sign]
    return any(test(value, other) for value in values)


def negate(items: Sequence[Item]) -> Any:
    """Return the negative of the only number of *items*."""
    number = _number_or_none(items)
    return None if number is None else -number


def round_half_up(items: Sequence[Item]) -> Any:
    """Return the whole number nearest to *items*, the greater of two.  [FUNCTIONS §6.4.4]"""
    return round_number(_number_or_none(items))


def sum_of(items: Sequence[Item]) -> float | Decimal:
    """Return the sum of *items*; what is untyped counts as double.  [FUNCTIONS §15.4.5]"""
    total: Any = 0
    numbers = [_number(atom(item)) for item in items]
    if any(isinstance(number, float) for number in numbers):
        for number in numbers:
            total += float(number)
        return float(total)
    for number in numbers:
        total += number
    result: float | Decimal = total
    return result


def sum_of_decimals(numbers: Sequence[Decimal]) -> Decimal:
    """Return the sum of *numbers*, exact in any order."""
    total = Decimal(0)
    for number in numbers:
        total += number
    return total


def union(items: Sequence[Node]) -> list[Node]:
    """Return *items* once each, in document order."""
    last = -1
    for item in items:
        if item.order <= last:
            break
        last = item.order
    else:
        return items if isinstance(items, list) else list(items)
    found = {item.order: item for item in items}
    return [found[order] for order in sorted(found)]


def _compare(left: Item, right: Item, test: Callable[[Any, Any], bool]) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return test(str(left), str(right))
    if isinstance(left, Untyped):
        left = _like(left, right)
    elif isinstance(right, Untyped):
        right = _like(right, left)
    kinds = (_kind(left), _kind(right))
    if kinds[0] != kinds[1]:
        raise EvaluationError("XPTY0004", f"{kinds[0]} and {kinds[1]} are not compared")
    if isinstance(left, float) or isinstance(right, float):
        # A number and a double meet as doubles.  [XPATH2 §B.1]
        return test(as_double(left), as_double(right))
    return test(left, right)


def _like(text: Untyped, other: Item) -> Item:
    if isinstance(other, bool):
        return as_boolean(text)
    return as_date(text) if isinstance(other, datetime) else as_double(text)


def _kind(item: Item) -> str:
    if isinstance(item, bool):
        return "boolean"
    if isinstance(item, str):
        return "string"
    return "date" if isinstance(item, datetime) else "number"


def _number_or_none(items: Sequence[Item]) -> Any:
    value = atom_or_none(items)
    return None if value is None else _number(value)


def _number(value: Item) -> int | float | Decimal:
    if isinstance(value, Untyped):
        return as_double(value)
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        raise EvaluationError("XPTY0004", "a number is needed")
    return value


def _divide_whole(first: Any, second: Any) -> int:
    if not second:
        raise EvaluationError("FOAR0001", "division by zero")
    if isinstance(first, float) or isinstance(second, float):
        return int(float(first) / float(second))
    if isinstance(first, int) and isinstance(second, int):
        whole = abs(first) // abs(second)
        return -whole if (first < 0) != (second < 0) else whole
    return int(Decimal(first) // Decimal(second))
