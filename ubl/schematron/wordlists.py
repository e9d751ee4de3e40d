"""Writes source for lists of codes in one string, such as `' AB AP RE '`.  [FUNCTIONS §7.5]"""

from typing import Final

from ubl.schematron import syntax
from ubl.schematron.syntax import Expression
from ubl.schematron.unit import Scope, Unit

__all__ = ["write_contains", "write_listed"]

_CODE_LIST_CHARS_MIN: Final = 20


def write_contains(unit: Unit, whole: Expression, part: Expression, scope: Scope) -> str:
    """Return source of `contains(whole, part)`."""
    words = _find_listed_word(whole, part)
    if words is not None:
        text, word = words
        listed = unit.constants.add("WORDS", f"Words({text!r})")
        return f"{listed}.has({unit.compile(word, scope).string})"
    return f"({unit.compile(part, scope).string} in {unit.compile(whole, scope).string})"


def write_listed(unit: Unit, items: tuple[Expression, ...], scope: Scope) -> str | None:
    """Return source for `not(contains(word, ' ')) and contains(' A B ', concat(' ', word, ' '))`.

    Rules look for a code in a list like that.  None for anything else.
    """
    match items:
        case (
            syntax.Call("not", (syntax.Call("contains", (alone, syntax.Literal(" "))),)),
            syntax.Call("contains", (whole, part)),
        ):
            words = _find_listed_word(whole, part)
            if words is not None and words[1] == alone:
                listed = unit.constants.add("WORDS", f"Words({words[0]!r})")
                return f"({unit.compile(alone, scope).string} in {listed}.words)"
    return None


def _find_listed_word(whole: Expression, part: Expression) -> tuple[str, Expression] | None:
    """Return list and word of `contains(' A B C ', concat(' ', word, ' '))`."""
    blank = syntax.Literal(" ")
    match whole, part:
        case syntax.Literal(str(text)), syntax.Call(
            "concat", (before, syntax.Call() as word, after)
        ):
            fits = before == blank == after and text[:1] == " " == text[-1:]
            if fits and word.name == "normalize-space" and len(text) > _CODE_LIST_CHARS_MIN:
                return text, word
    return None
