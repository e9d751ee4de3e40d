"""The functions of XPath that rules call.  [FUNCTIONS §7] [FUNCTIONS §14] [FUNCTIONS §15]"""

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from ubl.schematron.errors import EvaluationError, UnknownConstruct
from ubl.schematron.operators import NUMBERS, compare_any
from ubl.schematron.tree import Node
from ubl.schematron.values import (
    CASTS,
    Item,
    Untyped,
    as_double,
    as_string,
    atom,
    atom_or_none,
)

__all__ = [
    "Words",
    "absolute",
    "castable",
    "code_points",
    "convert",
    "distinct",
    "expression",
    "from_code_points",
    "greatest",
    "integers",
    "join",
    "local_name",
    "matches",
    "normalize",
    "number",
    "replace",
    "sought",
    "space",
    "substring",
    "substring_after",
    "substring_before",
    "tokenize",
    "translate",
]

# LIMIT: characters that a regular expression is tried on; those of the rules take a time that grows
# with it, but there are some whose time grows with its square.
MATCHED_CHARS_MAX: Final = 20_000
# LIMIT: items of a range `1 to n`; rules count the characters of an identifier.
RANGE_MAX: Final = 100_000

_BLANKS: Final = re.compile("[ \t\r\n]+")
_ANYTHING_AT_AN_END: Final = re.compile(r"\A(?:\.\*\??)+(?![?+*{])|(?<!\\)(?:\.\*\??)+\Z")
_FLAGS: Final = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}


class Words:
    """A list of codes in one string, as rules write it: `' AB AP RE '`."""

    __slots__ = ("text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        # Nothing is between two blanks only where they stand side by side.
        nothing = {""} if "  " in text else set()
        self.words = frozenset(text.split(" ")) - {""} | nothing

    def has(self, word: str) -> bool:
        """Say whether the string contains *word* between two blanks."""
        return word in self.words if " " not in word else f" {word} " in self.text


def normalize(text: str) -> str:
    """Return *text* with single blanks; only those of XML count.  [FUNCTIONS §7.4.5]"""
    if text.isalnum():
        return text
    return " ".join(text.split()) if text.isascii() and text.isprintable() else space(text)


def space(text: str) -> str:
    """Return *text* with single blanks, whatever characters it has."""
    return _BLANKS.sub(" ", text).strip(" ")


def number(item: Item | None) -> float:
    """Return *item* as a double, or NaN if it is none.  [FUNCTIONS §14.4]"""
    if item is None:
        return math.nan
    try:
        return as_double(item)
    except EvaluationError:
        return math.nan


def substring(text: str, start: float | Decimal, length: float | Decimal | None = None) -> str:
    """Return *length* characters of *text* from *start* on, counted from 1.  [FUNCTIONS §7.4.3]"""
    first = _round(start)
    end = math.inf if length is None else first + _round(length)
    if math.isnan(first) or math.isnan(end) or first == math.inf:
        return ""
    begin = max(int(first) - 1, 0) if first > -math.inf else 0
    return text[begin:] if end == math.inf else text[begin : max(int(end) - 1, 0)]


def _round(value: float | Decimal) -> float:
    double = float(value)
    return math.floor(double + 0.5) if math.isfinite(double) else double


def substring_after(text: str, mark: str) -> str:
    """Return what of *text* follows the first *mark*.  [FUNCTIONS §7.5.5]"""
    return text.partition(mark)[2] if mark else text


def substring_before(text: str, mark: str) -> str:
    """Return what of *text* precedes the first *mark*.  [FUNCTIONS §7.5.4]"""
    before, found, _ = text.partition(mark) if mark else ("", "", "")
    return before if found else ""


def translate(text: str, old: str, new: str) -> str:
    """Return *text* with each character of *old* replaced by its like in *new*."""
    return text.translate(_make_table(old, new))


@lru_cache(maxsize=64)
def _make_table(old: str, new: str) -> dict[int, str | None]:
    pairs = list(enumerate(old))
    return {ord(sign): new[at] if at < len(new) else None for at, sign in reversed(pairs)}


@lru_cache(maxsize=256)
def expression(pattern: str, flags: str = "") -> re.Pattern[str]:
    """Return the regular expression *pattern* of XPath, or raise UnknownConstruct.

    Known are literals, classes, quantifiers, groups and anchors.  [FUNCTIONS §7.6.1]
    """
    if set(flags) - set(_FLAGS):
        raise UnknownConstruct(f"the flags {flags!r} of a regular expression", expression=pattern)
    options = re.RegexFlag(0)
    for flag in flags:
        options |= _FLAGS[flag]
    try:
        return re.compile(_rewrite(pattern, multiline="m" in flags), options)
    except (re.error, OverflowError) as error:
        raise UnknownConstruct(f"a regular expression: {error}", expression=pattern) from error


def _rewrite(pattern: str, *, multiline: bool) -> str:
    """Write *pattern* as Python has it: blanks are those of XML, and `$` is the very end."""
    parts: list[str] = []
    inside = False
    rest = iter(pattern)
    for sign in rest:
        if sign == "\\":
            parts.append(_rewrite_escape(next(rest, ""), pattern, inside=inside))
            continue
        if inside:
            if sign == "[":
                raise UnknownConstruct("a class within a class", expression=pattern)
            inside = sign != "]"
        elif sign == "[":
            inside = True
        elif sign == "$" and not multiline:
            sign = r"\Z"  # noqa: PLW2901 - the anchor is written otherwise
        elif sign == "?" and parts and parts[-1] == "(":
            raise UnknownConstruct("a group of a special kind", expression=pattern)
        parts.append(sign)
    return "".join(parts)


def _rewrite_escape(sign: str, pattern: str, *, inside: bool) -> str:
    if sign == "s":
        return r" \t\r\n" if inside else r"[ \t\r\n]"
    if sign == "S" and not inside:
        return r"[^ \t\r\n]"
    if sign and sign in r"dDnrt\|.-^?*+{}()[]$":
        return f"\\{sign}"
    raise UnknownConstruct(f"the escape \\{sign}", expression=pattern)


def matches(text: str, pattern: str, flags: str = "") -> bool:
    """Say whether *pattern* is found in *text*.  [FUNCTIONS §7.6.2]"""
    return sought(pattern, flags).search(_bounded(text)) is not None


@lru_cache(maxsize=256)
def sought(pattern: str, flags: str = "") -> re.Pattern[str]:
    """Return the expression that is found where *pattern* is: without `.*` at its ends.

    A search begins anywhere and ends anywhere, so that they add nothing but the time to try them
    at each place.  UnknownConstruct as for `expression`.
    """
    return expression(_ANYTHING_AT_AN_END.sub("", pattern), flags)


def replace(text: str, pattern: str, new: str) -> str:
    """Return *text* with *new* for what *pattern* finds; *new* is plain.  [FUNCTIONS §7.6.3]"""
    if "$" in new or "\\" in new:
        raise EvaluationError("FORX0004", "a replacement with signs of its own is not known here")
    return expression(pattern).sub(lambda _match: new, _bounded(text))


def tokenize(text: str, pattern: str) -> list[str]:
    """Return the parts of *text* that *pattern* separates.  [FUNCTIONS §7.6.4]"""
    if not text:
        return []
    parts = []
    at = 0
    for match in expression(pattern).finditer(_bounded(text)):
        if match.end() == match.start():
            raise EvaluationError("FORX0003", "the separator matches nothing at all")
        parts.append(text[at : match.start()])
        at = match.end()
    return [*parts, text[at:]]


def _bounded(text: str) -> str:
    if len(text) > MATCHED_CHARS_MAX:
        raise EvaluationError("FORX0002", f"a text of {len(text)} characters is not searched")
    return text


def join(items: Sequence[Item], separator: str) -> str:
    """Return the values of *items* in one string.  [FUNCTIONS §7.4.2]"""
    return separator.join([as_string(atom(item)) for item in items])


def code_points(text: str) -> list[int]:
    """Return the numbers of the characters of *text*."""
    return [ord(sign) for sign in text]


def from_code_points(numbers: Sequence[Item]) -> str:
    """Return the string whose characters have *numbers*."""
    return "".join([chr(int(as_double(atom(item)))) for item in numbers])


def absolute(items: Sequence[Item]) -> Any:
    """Return the only number of *items* without its sign.  [FUNCTIONS §6.4.1]"""
    value = atom_or_none(items)
    if isinstance(value, Untyped):
        value = as_double(value)
    if isinstance(value, NUMBERS):
        return abs(value)
    if value is None:
        return None
    raise EvaluationError("XPTY0004", "a number is needed")


def greatest(items: Sequence[Item]) -> Item | None:
    """Return the greatest of *items*; what is untyped counts as double.  [FUNCTIONS §15.4.3]"""
    values = [atom(item) for item in items]
    values = [as_double(value) if isinstance(value, Untyped) else value for value in values]
    if not values:
        return None
    best = values[0]
    for value in values[1:]:
        if compare_any((value,), (best,), ">"):
            best = value
    as_doubles = any(isinstance(value, float) for value in values)
    return as_double(best) if as_doubles else best


def distinct(items: Sequence[Item]) -> list[Item]:
    """Return the values of *items*, each once; numbers that are equal count as one."""
    return list(dict.fromkeys([atom(item) for item in items]))


def integers(first: Item | None, last: Item | None) -> range:
    """Return the whole numbers from *first* to *last*.  [XPATH2 §3.3.1]"""
    if first is None or last is None:
        return range(0)
    begin, end = _whole(first), _whole(last)
    if end - begin > RANGE_MAX:
        raise EvaluationError("XPDY0130", f"a range of more than {RANGE_MAX} numbers")
    return range(begin, end + 1)


def _whole(item: Item) -> int:
    if isinstance(item, bool) or not isinstance(item, int | Untyped):
        raise EvaluationError("XPTY0004", "a range has whole numbers as its ends")
    return int(item)


def castable(items: Sequence[Item], cast: Callable[[Item], Item], *, optional: bool) -> bool:
    """Say whether *cast* works on *items*.  [XPATH2 §3.10.3]"""
    if not items:
        return optional
    if len(items) > 1:
        return False
    try:
        cast(atom(items[0]))
    except EvaluationError:
        return False
    return True


def convert(items: Sequence[Item], kind: str) -> list[Item]:
    """Return *items* as the declared type *kind*, such as `xs:string?`.  [XPATH2 §3.1.5]"""
    name_of_type = kind.rstrip("?*+")
    if (kind == name_of_type and len(items) != 1) or (kind.endswith("?") and len(items) > 1):
        raise EvaluationError("XPTY0004", f"{len(items)} values are no {kind}")
    return [_convert_one(atom(item), name_of_type) for item in items]


def _convert_one(value: Item, kind: str) -> Item:
    cast = CASTS[kind]
    if isinstance(value, Untyped):
        return str(value) if kind == "xs:string" else cast(value)
    if kind == "xs:double" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return cast(value)
    accepted = _TYPES[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind != "xs:boolean"):
        raise EvaluationError("XPTY0004", f"a value is no {kind}")
    return value


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "xs:boolean": (bool,),
    "xs:decimal": (Decimal, int),
    "xs:double": (float,),
    "xs:integer": (int,),
    "xs:string": (str,),
}


def local_name(node: Node | None) -> str:
    """Return the name of *node* without its prefix."""
    return "" if node is None else node.tag.rpartition("}")[2]
