"""Reads XPath 2.0 expressions, as much of the language as business rules use.  [XPATH2 §3]

`parse` gives a tree of `ubl.schematron.syntax`.  Whatever is outside the subset raises
UnknownConstruct with the expression: a rule is never skipped and never half understood.
What types the parts have is not judged here.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ubl.schematron import syntax
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.syntax import Expression

__all__ = ["parse"]

# LIMIT: how deeply expressions nest; Python's own compiler stops at a hundred levels or so.
NESTING_MAX: Final = 40

_NAME = r"[A-Za-z_][\w.-]*"
_TOKEN: Final = re.compile(
    rf"""\s*(?:
    (?P<number>\d+(?:\.\d*)?|\.\d+)(?![\w.])
    |(?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |\$(?P<variable>{_NAME}(?::{_NAME})?)
    |(?P<axis>[a-z]+(?:-[a-z]+)*)\s*::
    |(?P<name>{_NAME}(?::(?:{_NAME}|\*))?|\*:{_NAME})
    |(?P<sign>//|\.\.|!=|<=|>=|[()\[\]/@.,|=<>+*?-])
    )""",
    re.VERBOSE | re.ASCII,
)
_COMMENT: Final = re.compile(
    r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\(:(?:(?!\(:|:\)).)*:\)""", re.DOTALL
)
_GENERAL: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
_VALUE: Final = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_MULTIPLYING: Final = frozenset({"div", "idiv", "mod"})
_STEP_STARTS: Final = frozenset({".", "..", "@", "*", "("})
_KIND_TESTS: Final = frozenset({"text", "node"})
_AXES: Final = frozenset(
    {
        "ancestor",
        "ancestor-or-self",
        "attribute",
        "child",
        "descendant",
        "following-sibling",
        "parent",
        "preceding",
        "preceding-sibling",
        "self",
    }
)


@lru_cache(maxsize=5_000)
def parse(text: str) -> Expression:
    """Return what the expression *text* says, or raise UnknownConstruct."""
    parser = _Parser(text)
    found = parser.read_expression()
    parser.expect_end()
    return found


def _is_position(predicate: Expression) -> bool:
    return isinstance(predicate, syntax.Literal) or predicate == syntax.Call("last", ())


def _descend_into_union(
    step: syntax.Step | syntax.ExpressionStep,
) -> syntax.ExpressionStep | None:
    """Return `//(a | b)` as one step to the descendants `a` and `b`, or None for another."""
    if not isinstance(step, syntax.ExpressionStep) or any(map(_is_position, step.predicates)):
        return None
    if not isinstance(step.expression, syntax.Union):
        return None
    found = []
    for item in step.expression.items:
        match item:
            case syntax.Path(syntax.Context(), (syntax.Step("child", test, predicates), *rest)) if (
                not any(map(_is_position, predicates))
            ):
                first = syntax.Step("descendant", test, predicates)
                found.append(syntax.Path(syntax.Context(), (first, *rest)))
            case _:
                return None
    return syntax.ExpressionStep(syntax.Union(tuple(found)), step.predicates)


def _split(text: str) -> list[tuple[str, str]]:
    """Return kind and text of each token; comments are blanks.  [XPATH2 §A.2]"""
    plain = _COMMENT.sub(lambda match: match[1] or " ", text).rstrip()
    tokens = []
    at = 0
    while at < len(plain):
        match = _TOKEN.match(plain, at)
        if match is None or match.lastgroup is None:
            raise UnknownConstruct(f"unknown text {plain[at : at + 20]!r}", expression=text)
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return [*tokens, ("end", "")]


class _Parser:
    """Recursive descent, one method for each level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _split(text)
        self._at = 0
        self._depth = 0

    def expect_end(self) -> None:
        if self._kind() != "end":
            raise self._unknown(f"{self._tokens[self._at][1]!r} where the expression should end")

    def read_expression(self) -> Expression:
        items = [self._read_single()]
        while self._take(","):
            items.append(self._read_single())
        return items[0] if len(items) == 1 else syntax.Sequence(tuple(items))

    def _unknown(self, construct: str) -> UnknownConstruct:
        return UnknownConstruct(construct, expression=self._text)

    def _kind(self, ahead: int = 0) -> str:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)][0]

    def _is(self, text: str, ahead: int = 0) -> bool:
        kind, found = self._tokens[min(self._at + ahead, len(self._tokens) - 1)]
        return found == text and kind in {"sign", "name"}

    def _take(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            found = self._tokens[self._at][1] or "the end"
            raise self._unknown(f"{found!r} where {text!r} is expected")

    def _next(self, *kinds: str) -> str:
        kind, text = self._tokens[self._at]
        if kind not in kinds:
            raise self._unknown(f"{text or 'the end'!r} where a {kinds[0]} is expected")
        self._at += 1
        return text

    def _read_single(self) -> Expression:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._unknown(f"nesting deeper than {NESTING_MAX} levels")
        found = self._read_keyword()
        self._depth -= 1
        return found

    def _read_keyword(self) -> Expression:
        if self._is("for") and self._kind(1) == "variable":
            return syntax.For(self._read_bindings(), self._read_after("return"))
        for word in ("some", "every"):
            if self._is(word) and self._kind(1) == "variable":
                bindings = self._read_bindings()
                return syntax.Quantified(word == "every", bindings, self._read_after("satisfies"))
        if self._is("if") and self._is("(", 1):
            self._at += 2
            test = self.read_expression()
            self._expect(")")
            then = self._read_after("then")
            return syntax.If(test, then, self._read_after("else"))
        return self._read_or()

    def _read_bindings(self) -> tuple[tuple[str, Expression], ...]:
        self._at += 1
        bindings = []
        while True:
            name = self._next("variable")
            bindings.append((name, self._read_after("in")))
            if not self._take(","):
                return tuple(bindings)

    def _read_after(self, word: str) -> Expression:
        self._expect(word)
        return self._read_single()

    def _read_or(self) -> Expression:
        items = self._read_list(self._read_and, "or")
        return items[0] if len(items) == 1 else syntax.Or(items)

    def _read_and(self) -> Expression:
        items = self._read_list(self._read_comparison, "and")
        return items[0] if len(items) == 1 else syntax.And(items)

    def _read_list(self, read: Callable[[], Expression], *words: str) -> tuple[Expression, ...]:
        items = [read()]
        while any(self._take(word) for word in words):
            items.append(read())
        return tuple(items)

    def _read_comparison(self) -> Expression:
        left = self._read_range()
        kind, text = self._tokens[self._at]
        if kind == "sign" and text in _GENERAL:
            self._at += 1
            return syntax.Comparison(text, left, self._read_range(), general=True)
        if kind == "name" and text in _VALUE:
            self._at += 1
            return syntax.Comparison(_VALUE[text], left, self._read_range(), general=False)
        return left

    def _read_range(self) -> Expression:
        first = self._read_sum()
        return syntax.Range(first, self._read_sum()) if self._take("to") else first

    def _read_sum(self) -> Expression:
        left = self._read_product()
        while self._is("+") or self._is("-"):
            sign = self._next("sign")
            left = syntax.Arithmetic(sign, left, self._read_product())
        return left

    def _read_product(self) -> Expression:
        left = self._read_union()
        while self._is("*") or self._tokens[self._at] in {("name", w) for w in _MULTIPLYING}:
            sign = self._next("sign", "name")
            left = syntax.Arithmetic(sign, left, self._read_union())
        return left

    def _read_union(self) -> Expression:
        items = self._read_list(self._read_cast, "|", "union")
        return items[0] if len(items) == 1 else syntax.Union(items)

    def _read_cast(self) -> Expression:
        operand = self._read_unary()
        for word, make in (("castable", syntax.Castable), ("cast", syntax.Cast)):
            if self._is(word) and self._is("as", 1):
                self._at += 2
                return make(operand, self._next("name"), self._take("?"))
        return operand

    def _read_unary(self) -> Expression:
        if self._take("-"):
            return syntax.Negative(self._read_unary())
        if self._take("+"):
            raise self._unknown("a plus sign before an operand")
        return self._read_path()

    def _read_path(self) -> Expression:
        start: Expression = syntax.Context()
        steps: list[syntax.Step | syntax.ExpressionStep] = []
        if self._take("//"):
            start = syntax.Root()
            self._add_descending(steps)
        elif self._take("/"):
            start = syntax.Root()
            if not self._starts_step():
                return start
            steps.append(self._read_step())
        else:
            steps.append(self._read_step())
        while True:
            if self._take("//"):
                self._add_descending(steps)
            elif self._take("/"):
                steps.append(self._read_step())
            else:
                break
        match start, steps:
            case syntax.Context(), [syntax.ExpressionStep(only, ())]:
                return only
        return syntax.Path(start, tuple(steps))

    def _add_descending(self, steps: list[syntax.Step | syntax.ExpressionStep]) -> None:
        step = self._read_step()
        # A position would count among the children of each parent, so there it is no shorter.
        counted = any(map(_is_position, step.predicates))
        if isinstance(step, syntax.Step) and step.axis == "child" and not counted:
            steps.append(syntax.Step("descendant", step.test, step.predicates))
            return
        shorter = _descend_into_union(step)
        if shorter is not None:
            steps.append(shorter)
            return
        steps += [syntax.Step("descendant-or-self", "node()", ()), step]

    def _starts_step(self) -> bool:
        kind, text = self._tokens[self._at]
        return kind in {"name", "axis", "variable", "string", "number"} or text in _STEP_STARTS

    def _read_predicates(self) -> tuple[Expression, ...]:
        found = []
        while self._take("["):
            found.append(self.read_expression())
            self._expect("]")
        return tuple(found)

    def _read_step(self) -> syntax.Step | syntax.ExpressionStep:
        kind, text = self._tokens[self._at]
        if kind == "axis" or text in {"..", "@", "*"}:
            return self._read_axis_step(text)
        if kind == "name" and not self._is("(", 1):
            self._at += 1
            return syntax.Step("child", text, self._read_predicates())
        if kind == "name" and text in _KIND_TESTS:
            return syntax.Step("child", self._read_test(), self._read_predicates())
        return syntax.ExpressionStep(self._read_primary(), self._read_predicates())

    def _read_axis_step(self, text: str) -> syntax.Step:
        if self._take(".."):
            return syntax.Step("parent", "node()", self._read_predicates())
        if self._take("@"):
            return syntax.Step("attribute", self._read_test(), self._read_predicates())
        if self._is("*"):
            return syntax.Step("child", self._read_test(), self._read_predicates())
        if text not in _AXES:
            raise self._unknown(f"the axis {text}")
        self._at += 1
        return syntax.Step(text, self._read_test(), self._read_predicates())

    def _read_test(self) -> str:
        if self._take("*"):
            return "*"
        name = self._next("name")
        if not self._take("("):
            return name
        if name not in _KIND_TESTS:
            raise self._unknown(f"the test {name}()")
        self._expect(")")
        return f"{name}()"

    def _read_primary(self) -> Expression:
        kind, text = self._tokens[self._at]
        if kind in {"number", "string", "variable", "name"}:
            self._at += 1
            return self._make_primary(kind, text)
        if self._take("."):
            return syntax.Context()
        self._expect("(")
        if self._take(")"):
            return syntax.Sequence(())
        inner = self.read_expression()
        self._expect(")")
        return inner

    def _make_primary(self, kind: str, text: str) -> Expression:
        if kind == "number":
            return syntax.Literal(Decimal(text) if "." in text else int(text))
        if kind == "string":
            return syntax.Literal(text[1:-1].replace(text[0] * 2, text[0]))
        if kind == "variable":
            return syntax.Variable(text)
        self._expect("(")
        arguments: list[Expression] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._read_single())
        return syntax.Call(text, tuple(arguments))
