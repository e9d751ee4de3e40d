"""What an XPath expression says, as a tree of values.  [XPATH2 §3]

The parser makes these, the compiler reads them.  All are immutable and hashable, so that equal
parts of the rules are found and evaluated once.
"""

from dataclasses import dataclass
from decimal import Decimal

__all__ = [
    "And",
    "Arithmetic",
    "Call",
    "Cast",
    "Castable",
    "Comparison",
    "Context",
    "Expression",
    "ExpressionStep",
    "For",
    "If",
    "Literal",
    "Negative",
    "Or",
    "Path",
    "Quantified",
    "Range",
    "Root",
    "Sequence",
    "Step",
    "Union",
    "Variable",
]


class Expression:
    """Any expression; what follows are its kinds."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A string or a number that stands in the text."""

    value: str | int | Decimal


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """`$name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Context(Expression):
    """`.`, the context item."""


@dataclass(frozen=True, slots=True)
class Root(Expression):
    """`/`, the document node."""


@dataclass(frozen=True, slots=True)
class Sequence(Expression):
    """`(a, b)`; without items the empty sequence."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Expression):
    """`a or b or c`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class And(Expression):
    """`a and b and c`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`a = b` (*general*) or `a eq b`; *operator* is the sign in both cases.  [XPATH2 §3.5]"""

    operator: str
    left: Expression
    right: Expression
    general: bool


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """`a + b`, and `-`, `*`, `div`, `idiv`, `mod`.  [XPATH2 §3.4]"""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negative(Expression):
    """`-a`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Range(Expression):
    """`a to b`."""

    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class Union(Expression):
    """`a | b`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class For(Expression):
    """`for $x in a, $y in b return c`."""

    bindings: tuple[tuple[str, Expression], ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class Quantified(Expression):
    """`some $x in a satisfies b`, or `every` with *every*."""

    every: bool
    bindings: tuple[tuple[str, Expression], ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class If(Expression):
    """`if (test) then a else b`."""

    test: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Castable(Expression):
    """`a castable as type`; with *optional* the type has a question mark."""

    operand: Expression
    type: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """`a cast as type`, and `type(a)`, which allows the empty sequence."""

    operand: Expression
    type: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """`name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """`axis::test[predicates]`; *test* is as written: `cbc:ID`, `*`, `cbc:*`, `text()`."""

    axis: str
    test: str
    predicates: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ExpressionStep:
    """A step that is an expression: `normalize-space(.)`, `(a | b)`, with its predicates."""

    expression: Expression
    predicates: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Path(Expression):
    """Steps from *start*, which is the root, the context or, for a filter, none.

    `//` stands in it as the step `descendant-or-self::node()`, as the specification has it, unless
    the parser can write the shorter `descendant::name`, which means the same.  [XPATH2 §3.2.4]
    """

    start: Expression
    steps: tuple[Step | ExpressionStep, ...]
