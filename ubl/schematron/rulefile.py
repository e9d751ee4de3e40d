"""What a rule file says, be it Schematron or the stylesheet made of it.  [SCHEMATRON §5.4]"""

from collections.abc import Mapping
from dataclasses import dataclass

from ubl.findings import Severity

__all__ = [
    "Assertion",
    "Choice",
    "Declaration",
    "Function",
    "Key",
    "Pattern",
    "Place",
    "Result",
    "Rule",
    "RuleFile",
    "Text",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, for whoever reads a refusal."""

    file: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Text:
    """An expression as it is written, and where."""

    source: str
    place: Place


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable: *value* is an expression, or a string if it is *literal*.

    *wrapped* says that the value becomes a text node, as `xsl:value-of` makes one.
    """

    name: str
    value: Text
    type: str | None = None
    literal: bool = False
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gives: an expression, or a string if it is *literal*."""

    value: Text
    literal: bool = False
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """`xsl:choose` in a function: tests with what is done then, and what otherwise."""

    branches: tuple[tuple[Text, "Body"], ...]
    otherwise: "Body"


Body = tuple[Declaration | Result | Choice, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`xsl:function`: parameters with their types, declarations and at the end the result."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]
    type: str | None
    body: Body
    place: Place


@dataclass(frozen=True, slots=True)
class Key:
    """`xsl:key`: the nodes that *match* are found by the value of *use*."""

    name: str
    match: Text
    use: Text


@dataclass(frozen=True, slots=True)
class Assertion:
    """A test that must hold, or with *report* must not; *message* mixes text and expressions."""

    rule: str
    severity: Severity
    test: Text
    message: tuple[str | Text, ...]
    report: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold of the nodes that match *context*."""

    context: Text
    variables: tuple[Declaration, ...]
    assertions: tuple[Assertion, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Rules of which each node meets the first that matches, no other."""

    variables: tuple[Declaration, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file: the whole of it, as far as it decides about a document."""

    name: str
    namespaces: Mapping[str, str]
    variables: tuple[Declaration, ...]
    functions: tuple[Function, ...]
    keys: tuple[Key, ...]
    patterns: tuple[Pattern, ...]
