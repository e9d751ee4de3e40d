"""Pieces of Python source with what is known of their value.

An expression of XPath gives a sequence.  Most in rules give one string, one truth value or some
elements; where that is known before, the source computes with plain values and lists.
"""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["NUMERIC", "TEXTUAL", "Code", "Count", "Kind", "one", "optional", "several"]

Kind = Literal[
    "any",  # items as `ubl.schematron.values` has them
    "boolean",
    "date",
    "decimal",
    "double",
    "element",
    "integer",
    "leaf",  # attributes and text nodes: their values, as plain strings
    "number",
    "string",
    "untyped",  # plain strings, too
]
Count = Literal["one", "optional", "several"]

NUMERIC: Final = frozenset({"decimal", "double", "integer", "number"})
TEXTUAL: Final = frozenset({"element", "leaf", "untyped"})
# How to make an item of a value, where it is not one by itself.
_BOXES: Final = {"leaf": "Leaf", "untyped": "Untyped"}


@dataclass(frozen=True, slots=True)
class Code:
    """Source that gives one value, one or None (optional), or several.

    For several, *item* is what `for` and `if` *clauses* of a comprehension yield.
    """

    item: str
    kind: Kind
    count: Count
    clauses: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The source of the value, the value or None, or a list of the values."""
        if self.count != "several":
            return self.item
        if len(self.clauses) == 1 and self.clauses[0].startswith(f"for {self.item} in "):
            return self.clauses[0].removeprefix(f"for {self.item} in ")
        return f"[{self.item} {' '.join(self.clauses)}]"

    @property
    def text_of_list(self) -> str:
        """The source of a list of the values, whatever their count."""
        if self.count == "several":
            return self.text
        return f"[{self.item}]" if self.count == "one" else f"some({self.item})"

    @property
    def items(self) -> str:
        """The source of a sequence of the values as items."""
        box = _BOXES.get(self.kind)
        if self.count == "one":
            return f"({box}({self.item}),)" if box else f"({self.item},)"
        if self.count == "optional":
            listed = f"some({self.item})"
            return f"[{box}(x) for x in {listed}]" if box else listed
        return f"[{box}({self.item}) {' '.join(self.clauses)}]" if box else self.text

    @property
    def value(self) -> str:
        """The source of the value, or None for none; several are an error."""
        return f"only({self.text})" if self.count == "several" else self.item

    @property
    def at_most_one(self) -> Count:
        """The count of what there is of the value where several are an error."""
        return "one" if self.count == "one" else "optional"

    @property
    def string(self) -> str:
        """The source of the value as an argument of the type `xs:string?`."""
        if self.count == "one" and self.kind in {"string", "leaf", "untyped"}:
            return self.item
        if self.count == "one" and self.kind == "element":
            return f"{self.item}.text"
        if self.count == "optional" and self.kind in {"string", "leaf", "untyped"}:
            return f'({self.item} or "")'
        if self.count == "several" and self.kind == "element":
            return f"text_of({self.text})"
        if self.count == "several" and self.kind == "leaf":
            return f"one_text({self.text})"
        return f"one_text({self.items})"

    @property
    def strings(self) -> str:
        """The source of a list of the string values of nodes and untyped values."""
        if self.count == "several":
            value = f"{self.item}.text" if self.kind == "element" else self.item
            return f"[{value} {' '.join(self.clauses)}]" if value != self.item else self.text
        if self.kind == "element":
            return f"[x.text for x in some({self.item})]"
        return f"some({self.item})" if self.count == "optional" else f"({self.item},)"

    @property
    def condition(self) -> str:
        """Source that is true where the effective boolean value is.  [XPATH2 §2.4.3]"""
        if self.count == "several" and self.kind in {"element", "leaf"}:
            # A condition on a later item may be one that cannot be evaluated: the first decides.
            parted = any(" if " in clause or clause.startswith("if ") for clause in self.clauses)
            parted = parted and len(self.clauses) > 1
            return f"any(True {' '.join(self.clauses)})" if parted else self.text
        if self.count == "several":
            return f"truth({self.items})"
        if self.kind in {"element", "leaf"}:
            return "True" if self.count == "one" else f"({self.item} is not None)"
        if self.kind in {"boolean", "string", "untyped", "integer", "decimal"}:
            return self.item
        return f"truth({self.items})"

    @property
    def loop(self) -> tuple[str, ...]:
        """Clauses that let *item* run through the values."""
        if self.count == "several":
            return self.clauses
        raise AssertionError(self)


def one(text: str, kind: Kind) -> Code:
    """Return the code of exactly one value."""
    return Code(text, kind, "one")


def optional(text: str, kind: Kind) -> Code:
    """Return the code of one value or None."""
    return Code(text, kind, "optional")


def several(item: str, source: str, kind: Kind) -> Code:
    """Return the code of the values that *item* runs through in *source*."""
    return Code(item, kind, "several", (f"for {item} in {source}",))
