"""The values that rules compute with, and how one becomes another.  [XPATH2 §2.4] [FUNCTIONS §17]

    xs:string   str            xs:integer  int          xs:boolean  bool
    xs:decimal  Decimal        xs:double   float        xs:date     datetime
    untyped     Untyped        attributes and texts     Leaf        elements  Node

Whether a value is untyped decides what it is compared as, so a plain str never stands for one.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ubl.schematron.errors import EvaluationError
from ubl.schematron.tree import Node

__all__ = [
    "CASTS",
    "NODES",
    "Item",
    "Leaf",
    "Untyped",
    "as_boolean",
    "as_date",
    "as_decimal",
    "as_double",
    "as_integer",
    "as_string",
    "atom",
    "atom_or_none",
    "decimal_of",
    "one_text",
    "read_decimal",
    "read_double",
    "text_of",
    "truth",
]

# LIMIT: characters of a number; Python converts longer ones to integers slowly, or not at all.
NUMBER_CHARS_MAX: Final = 4000
# LIMIT: texts that are remembered with their number; amounts recur within a document.
KEPT_NUMBERS_MAX: Final = 1_000

_DECIMAL: Final = re.compile(r"[ \t\r\n]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)[ \t\r\n]*\Z", re.ASCII)
_INTEGER: Final = re.compile(r"[ \t\r\n]*[+-]?\d+[ \t\r\n]*\Z", re.ASCII)
_DOUBLE: Final = re.compile(
    r"[ \t\r\n]*(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?INF|NaN)[ \t\r\n]*\Z",
    re.ASCII,
)
_DATE: Final = re.compile(
    r"[ \t\r\n]*(\d{4})-(\d\d)-(\d\d)(Z|[+-]\d\d:\d\d)?[ \t\r\n]*\Z", re.ASCII
)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_BLANKS: Final = " \t\r\n"


class Untyped(str):
    """A value of the type xs:untypedAtomic: what a node without a schema holds."""

    __slots__ = ()


class Leaf(Untyped):
    """An attribute or a text node: its value, and true whatever that is."""

    __slots__ = ()


NODES: Final = (Node, Leaf)

Item = Node | str | bool | int | float | Decimal | datetime


def atom(item: Item) -> Item:
    """Return the value of *item*.  [XPATH2 §2.4.2]"""
    return Untyped(item.text) if isinstance(item, Node) else item


def atom_or_none(items: Sequence[Item]) -> Item | None:
    """Return the value of the only item of *items*, None without one."""
    if not items:
        return None
    if len(items) > 1:
        raise _too_many()
    return atom(items[0])


def one_text(items: Sequence[Item]) -> str:
    """Return *items* as an argument of the type xs:string?; nothing is an empty string."""
    if not items:
        return ""
    if len(items) > 1:
        raise _too_many()
    item = items[0]
    if isinstance(item, Node):
        return item.text
    if isinstance(item, str):
        return item
    raise EvaluationError("XPTY0004", "a string is needed")


def text_of(nodes: Sequence[Node]) -> str:
    """Return the text of the only one of *nodes*, which is empty without one."""
    if len(nodes) == 1:
        return nodes[0].text
    if nodes:
        raise _too_many()
    return ""


def truth(items: Sequence[Item]) -> bool:
    """Return the effective boolean value of *items*.  [XPATH2 §2.4.3]"""
    if not items:
        return False
    first = items[0]
    if isinstance(first, NODES):
        return True
    if len(items) > 1:
        raise EvaluationError("FORG0006", "several values are neither true nor false")
    if isinstance(first, float):
        return first == first and first != 0  # noqa: PLR0124 - not a number is not itself
    if isinstance(first, datetime):
        raise EvaluationError("FORG0006", "a date is neither true nor false")
    return bool(first)


@lru_cache(maxsize=KEPT_NUMBERS_MAX)
def read_decimal(text: str) -> Decimal:
    """Return *text* as xs:decimal."""
    if not _DECIMAL.match(text) or len(text) > NUMBER_CHARS_MAX:
        raise _not_a("decimal", text)
    # Blanks around it do not matter to Decimal either.
    return Decimal(text)


@lru_cache(maxsize=KEPT_NUMBERS_MAX)
def read_double(text: str) -> float:
    """Return *text* as xs:double."""
    if not _DOUBLE.match(text) or len(text) > NUMBER_CHARS_MAX:
        raise _not_a("double", text)
    return float(text.strip(_BLANKS).replace("INF", "inf"))


def decimal_of(nodes: Sequence[Node]) -> Decimal | None:
    """Return the text of the only one of *nodes* as xs:decimal; None without one."""
    if len(nodes) == 1:
        return read_decimal(nodes[0].text)
    if nodes:
        raise _too_many()
    return None


def as_decimal(value: Item) -> Decimal:
    """Return *value* as xs:decimal."""
    if isinstance(value, Node):
        value = value.text
    if isinstance(value, str):
        return read_decimal(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EvaluationError("FOCA0002", f"{value} is not a decimal")
        return Decimal(value)
    if isinstance(value, datetime):
        raise _not_a("decimal", str(value))
    return Decimal(value)


def as_integer(value: Item) -> int:
    """Return *value* as xs:integer, without what is behind the point."""
    if isinstance(value, Node):
        value = value.text
    if isinstance(value, str):
        if not _INTEGER.match(value) or len(value) > NUMBER_CHARS_MAX:
            raise _not_a("integer", value)
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationError("FOCA0002", f"{value} is not an integer")
    if isinstance(value, datetime):
        raise _not_a("integer", str(value))
    return int(value)


def as_double(value: Item) -> float:
    """Return *value* as xs:double."""
    if isinstance(value, Node):
        value = value.text
    if isinstance(value, str):
        return read_double(value)
    if isinstance(value, datetime):
        raise _not_a("double", str(value))
    return float(value)


def as_date(value: Item) -> datetime:
    """Return *value* as xs:date: the instant at which the day begins; without a zone, in UTC."""
    if isinstance(value, Node):
        value = value.text
    if isinstance(value, datetime):
        return value
    match = _DATE.match(value) if isinstance(value, str) else None
    if match is None:
        raise _not_a("date", str(value))
    try:
        zone = datetime.strptime(match[4], "%z").tzinfo if match[4] else UTC
        return datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=zone)
    except ValueError as error:
        raise _not_a("date", str(value)) from error


def as_boolean(value: Item) -> bool:
    """Return *value* as xs:boolean."""
    if isinstance(value, Node):
        value = value.text
    if isinstance(value, str):
        found = _BOOLEANS.get(value)
        if found is None:
            found = _BOOLEANS.get(value.strip(_BLANKS))
        if found is None:
            raise _not_a("boolean", value)
        return found
    return truth((value,))


def as_string(value: Item | None) -> str:  # noqa: PLR0911 - one return for each type
    """Return *value* as xs:string; None, the empty sequence, is empty.  [FUNCTIONS §17.1.2]"""
    if value is None:
        return ""
    if isinstance(value, Node):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _write_double(value)
    if isinstance(value, Decimal):
        return _write_decimal(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value)


def _write_decimal(value: Decimal) -> str:
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _write_double(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if value != value else "INF" if value > 0 else "-INF"  # noqa: PLR0124 - NaN
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    shortest = Decimal(repr(value))
    if 1e-6 <= abs(value) < 1e6:
        return _write_decimal(shortest)
    sign, digits, _ = shortest.as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    return f"{'-' * sign}{text[0]}.{text[1:] or '0'}E{shortest.adjusted()}"


def _too_many() -> EvaluationError:
    return EvaluationError("XPTY0004", "there is more than one where one is expected")


def _not_a(name: str, text: str) -> EvaluationError:
    if len(text) > NUMBER_CHARS_MAX:
        return EvaluationError("FOAR0002", f"a number of {len(text)} characters is not read")
    return EvaluationError("FORG0001", f"{text[:40]!r} is not a {name}")


CASTS: Final[Mapping[str, Callable[[Item], Item]]] = {
    "xs:boolean": as_boolean,
    "xs:date": as_date,
    "xs:decimal": as_decimal,
    "xs:double": as_double,
    "xs:integer": as_integer,
    "xs:string": as_string,
}
