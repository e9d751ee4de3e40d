"""Writes how the nodes of a rule are found: its context, which is a pattern of XSLT.  [XSLT2 §5.5]

Names and their nesting are data, which is compared with each path of a document once.  What is in
predicates becomes a function of the node.
"""

from dataclasses import dataclass

from ubl.schematron import syntax
from ubl.schematron.code import NUMERIC, one
from ubl.schematron.errors import UnknownConstruct
from ubl.schematron.syntax import Expression
from ubl.schematron.unit import Scope, Unit

__all__ = ["Alternative", "is_rooted", "list_alternatives", "write_alternatives"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the paths of a pattern: its steps from the outermost on."""

    anchored: bool
    steps: tuple[syntax.Step, ...]


def list_alternatives(pattern: Expression) -> list[Alternative]:
    """Return the paths of which a node must match one."""
    match pattern:
        case syntax.Union(items):
            return [found for item in items for found in list_alternatives(item)]
        case syntax.Path(start, (syntax.ExpressionStep(inner, predicates),)) if (
            start == syntax.Context()
        ):
            return [_add_predicates(found, predicates) for found in list_alternatives(inner)]
        case syntax.Path(start, steps):
            return [Alternative(start == syntax.Root(), tuple(map(_check_step, steps)))]
    raise UnknownConstruct("a pattern of another kind than paths")


def is_rooted(alternatives: list[Alternative]) -> bool:
    """Say whether only a root element can match."""
    return all(
        found.anchored and len(found.steps) == 1 and found.steps[0].axis == "child"
        for found in alternatives
    )


def write_alternatives(unit: Unit, pattern: Expression, name: str, scope: Scope) -> str:
    """Define the functions of *pattern*, named after *name*; return the source of its paths.

    Of each there are its names, what it asks of the local name, the function that sorts nodes by
    words and the word that is asked for, and the function that takes those that meet the rest.
    """
    parts = []
    for number, found in enumerate(list_alternatives(pattern)):
        alternative, endings = _split_endings(found)
        alternative, sorter, word = _split_word(unit, alternative, scope)
        steps = ", ".join(
            f"({step.axis == 'descendant'}, {_write_test(unit, step.test)})"
            for step in alternative.steps
        )
        condition = _write_condition(unit, alternative, len(alternative.steps) - 1, "n", scope)
        named = meets = "None"
        if endings:
            named = f"{name}_{number}_name"
            unit.definitions.append(f"def {named}(n):\n    return {' and '.join(endings)}")
        if condition:
            meets = f"{name}_{number}"
            unit.definitions.append(
                f"def {meets}(nodes, D):\n    return [n for n in nodes if {condition}]"
            )
        parts.append(f"({alternative.anchored}, ({steps},), {named}, {sorter}, {word!r}, {meets})")
    return f"({', '.join(parts)},)"


def _split_word(
    unit: Unit, alternative: Alternative, scope: Scope
) -> tuple[Alternative, str | None, str]:
    """Take `value = 'word'` out of the front of the last step's predicates.

    Return the rest, the function that sorts nodes by their values, and the word.  Rules often
    differ in the word alone; then nodes are sorted once for all of them.
    """
    *outer, last = alternative.steps
    first, *others = last.predicates or (None,)
    if isinstance(first, syntax.And):
        first, *rest = first.items
        others = [syntax.And(tuple(rest)), *others]
    match first:
        case syntax.Comparison("=", value, syntax.Literal(str(word)), general=True):
            pass
        case _:
            return alternative, None, ""
    sorter = unit.define_sorter(value, scope)
    if sorter is None:
        return alternative, None, ""
    step = syntax.Step(last.axis, last.test, tuple(others))
    return Alternative(alternative.anchored, (*outer, step)), sorter, word


def _split_endings(alternative: Alternative) -> tuple[Alternative, list[str]]:
    """Take out of the last step what asks how a name ends: it holds for all nodes of a name."""
    *outer, last = alternative.steps
    parts: list[Expression] = []
    for predicate in last.predicates:
        parts += predicate.items if isinstance(predicate, syntax.And) else (predicate,)
    endings, others = [], []
    for part in parts:
        ending = _write_ending(part)
        if ending is None:
            others.append(part)
        else:
            endings.append(ending)
    if not endings:
        return alternative, []
    step = syntax.Step(last.axis, last.test, tuple(others))
    return Alternative(alternative.anchored, (*outer, step)), endings


def _write_ending(predicate: Expression) -> str | None:
    match predicate:
        case syntax.Call("not", (inner,)):
            ending = _write_ending(inner)
            return None if ending is None else f"not {ending}"
        case syntax.Call("ends-with", (syntax.Call("name", ()), syntax.Literal(str(end)))) if (
            end and ":" not in end
        ):
            # What ends a name with its prefix ends it without, too.
            return f"n.endswith({end!r})"
    return None


def _add_predicates(found: Alternative, predicates: tuple[Expression, ...]) -> Alternative:
    *outer, last = found.steps
    more = syntax.Step(last.axis, last.test, last.predicates + predicates)
    return Alternative(found.anchored, (*outer, more))


def _check_step(step: syntax.Step | syntax.ExpressionStep) -> syntax.Step:
    if isinstance(step, syntax.ExpressionStep):
        raise UnknownConstruct("an expression as a step of a pattern")
    if step.axis not in {"child", "descendant"} or step.test.endswith("()"):
        raise UnknownConstruct(f"{step.axis}::{step.test} in a pattern")
    return step


def _write_test(unit: Unit, test: str) -> str:
    """Return the source of a name, of how names begin (a tuple), or of None for any."""
    if test == "*":
        return "None"
    if test.startswith("*:"):
        raise UnknownConstruct(f"{test} in a pattern")
    if test.endswith(":*"):
        return f"({unit.namespaces.resolve_all(test[:-2])!r},)"
    return unit.tag(test)


def _write_condition(unit: Unit, alternative: Alternative, at: int, node: str, scope: Scope) -> str:
    """Return source that says whether *node* and what is above pass the predicates up to *at*."""
    step = alternative.steps[at]
    context = scope.within(one(node, "element"))
    parts = []
    for predicate in step.predicates:
        counted = predicate == syntax.Call("last", ())
        if counted or unit.compile(predicate, context).kind in {*NUMERIC, "any"}:
            raise UnknownConstruct("a position in a pattern")
        parts.append(unit.condition(predicate, context))
    if any(outer.predicates for outer in alternative.steps[:at]):
        parts.append(_write_above(unit, alternative, at, node, scope))
    return " and ".join(parts)


def _write_above(unit: Unit, alternative: Alternative, at: int, node: str, scope: Scope) -> str:
    above = unit.fresh()
    condition = _write_condition(unit, alternative, at - 1, above, scope) or "True"
    if alternative.steps[at].axis == "child":
        return f"any({condition} for {above} in (D.nodes[{node}.up],))"
    # Any ancestor may be the one that is meant, if its name fits.
    names = ", ".join(
        f"({step.axis == 'descendant'}, {_write_test(unit, step.test)})"
        for step in alternative.steps[:at]
    )
    fits = f"fits(D.path_of({above}), {alternative.anchored}, ({names},))"
    return f"any({fits} and {condition} for {above} in D.tree.iterate_up({node}))"
