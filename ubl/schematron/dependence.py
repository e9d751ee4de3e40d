"""What an expression depends on: the context item, and variables.

What depends on neither is the same wherever it stands, so it is worked out once for a document.
"""

from collections import Counter
from dataclasses import fields, is_dataclass
from functools import lru_cache

from ubl.schematron import syntax
from ubl.schematron.syntax import Expression

__all__ = ["CONTEXT", "count_parts", "depends_on", "ends_in_value", "is_constant"]

# No variable has such a name.
CONTEXT = "."
_DOCUMENT = "/"
# Without an argument these take the context item.
_OF_CONTEXT = frozenset({"last", "local-name", "name", "normalize-space", "number", "position"})
_OF_CONTEXT_TOO = frozenset({"string", "string-length"})


def depends_on(expression: Expression) -> frozenset[str]:
    """Return the names of free variables of *expression*, with CONTEXT if it needs the context."""
    return _find(expression) - {_DOCUMENT}


def is_constant(expression: Expression) -> bool:
    """Say whether *expression* is the same for all documents."""
    return not _find(expression)


def count_parts(expression: object, counts: Counter[Expression]) -> None:
    """Add to *counts* each expression within *expression*: what stands in several places."""
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Expression):
            counts[part] += 1
        if isinstance(part, tuple):
            waiting += part
        elif is_dataclass(part):
            waiting += [getattr(part, each.name) for each in fields(part)]


def ends_in_value(path: syntax.Path) -> bool:
    """Say whether *path* leads from the context node over elements to values."""
    *steps, last = path.steps
    return (
        path.start == syntax.Context() and bool(steps) and isinstance(last, syntax.ExpressionStep)
    )


@lru_cache(maxsize=20_000)
def _find(expression: Expression) -> frozenset[str]:  # noqa: PLR0911 - one return for each kind
    match expression:
        case syntax.Literal():
            return frozenset()
        case syntax.Context():
            return frozenset({CONTEXT})
        case syntax.Root():
            return frozenset({_DOCUMENT})
        case syntax.Variable(name):
            return frozenset({name})
        case syntax.For(bindings, body) | syntax.Quantified(_, bindings, body):
            return _find_bound(bindings, body)
        case syntax.Path(start, steps):
            return _find_path(start, steps)
        case syntax.Call(name, ()):
            of_context = name in _OF_CONTEXT or name in _OF_CONTEXT_TOO
            return frozenset({CONTEXT}) if of_context else frozenset()
        case syntax.Call("key", arguments):
            return _join(arguments) | {_DOCUMENT}
    return _join(_parts(expression))


def _join(expressions: tuple[Expression, ...]) -> frozenset[str]:
    return frozenset().union(*map(_find, expressions))


def _parts(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case (
            syntax.Sequence(items)
            | syntax.Or(items)
            | syntax.And(items)
            | syntax.Union(items)
            | syntax.Call(_, items)
        ):
            return items
        case syntax.Comparison(_, left, right) | syntax.Arithmetic(_, left, right):
            return (left, right)
        case syntax.Range(first, last):
            return (first, last)
        case syntax.If(test, then, otherwise):
            return (test, then, otherwise)
        case syntax.Negative(operand) | syntax.Cast(operand) | syntax.Castable(operand):
            return (operand,)
    raise AssertionError(expression)


def _find_bound(bindings: tuple[tuple[str, Expression], ...], body: Expression) -> frozenset[str]:
    bound: set[str] = set()
    found: set[str] = set()
    for name, source in bindings:
        found |= _find(source) - bound
        bound.add(name)
    return frozenset(found | (_find(body) - bound))


def _find_path(
    start: Expression, steps: tuple[syntax.Step | syntax.ExpressionStep, ...]
) -> frozenset[str]:
    first = steps[0]
    alone = isinstance(first, syntax.ExpressionStep) and start == syntax.Context()
    # Behind the first step the context is the path's own.
    found = set() if alone else set(_find(start))
    for at, step in enumerate(steps):
        for predicate in step.predicates:
            found |= _find(predicate) - {CONTEXT}
        if isinstance(step, syntax.ExpressionStep):
            inner = _find(step.expression)
            found |= inner if at == 0 and alone else inner - {CONTEXT}
    return frozenset(found)
