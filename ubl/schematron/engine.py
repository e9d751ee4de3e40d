"""Runs compiled rules on a tree, and writes what they find.  [SCHEMATRON §6.5]

Which rules may meet the nodes of a path (`/Invoice/InvoiceLine`) is worked out when a path is first
seen, and what there is to do for a layout of paths when that is; both are kept.  So a document
costs the rules that may meet it, each of which is given all its nodes at once.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import localcontext
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ubl.findings import Finding, Severity
from ubl.schematron.errors import EvaluationError
from ubl.schematron.functions import space
from ubl.schematron.optional import EXACT
from ubl.schematron.tree import LAYOUT_PATHS_MAX, LAYOUTS_MAX, Layout, Node, Tree, by_order

__all__ = ["ERRORS", "Lazy", "RuleSet", "State", "fits"]

# What evaluating an expression may raise: an error of its own, a number that Python cannot hold, a
# recursion of a function of the rules.  A TypeError is two types that do not meet.
ERRORS: Final = (EvaluationError, ArithmeticError, ValueError, TypeError, RecursionError)

# LIMIT: paths that are remembered with their rules; invoices have some hundred.
PLACES_MAX: Final = 20_000
# LIMIT: findings of one rule set; more are not read by anybody.
FINDINGS_MAX: Final = 20_000

_ANY: Final = ""

Step = tuple[bool, str | tuple[str] | None]
# Those of the nodes that meet it.
Condition = Callable[[Sequence[Node], "State"], list[Node]]
# Node, number of the assertion, message if it is worked out, error if there was one.
Found = list[tuple[Node, int, str | None, Exception | None]]
Test = Callable[[Sequence[Node], "State", Found], None]
# The nodes by the words that they have; a node may have several.
Sorter = Callable[[Sequence[Node], "State"], dict[str, list[Node]]]
# Whether the path begins at the root, its steps, a condition on its local name, the word that nodes
# must have, and the condition that they must meet.
Alternative = tuple[
    bool, tuple[Step, ...], Callable[[str], bool] | None, Sorter | None, str, Condition | None
]
Alternatives = tuple[Alternative, ...]
Entries = tuple[tuple[Sorter | None, str, Condition | None, Test | None], ...]


class Assertion(NamedTuple):
    """What a finding says: the rule, how bad it is, the message."""

    rule: str
    severity: str
    message: str


class Lazy:
    """A variable of a rule, worked out when it is first used."""

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make: Callable[[], Any] | None = make
        self._value: Any = None

    def __call__(self) -> Any:
        """Return the value."""
        if self._make is not None:
            self._value = self._make()
            self._make = None
        return self._value


class State:
    """One check of one tree: what was worked out for it so far."""

    __slots__ = ("memo", "nodes", "paths", "top", "tree")

    def __init__(self, tree: Tree, paths: dict[int, list[Node]]) -> None:
        self.tree = tree
        self.nodes = tree.nodes
        self.top = tree.top
        self.paths = paths
        self.memo: dict[str, Any] = {}

    def path_of(self, node: Node) -> tuple[str, ...]:
        """Return the names from the root element down to *node*."""
        above = [up.tag for up in self.tree.iterate_up(node) if up.order]
        return (*reversed(above), node.tag) if node.order else ()


class _Job:
    """The rules that nodes may meet; with *condition* and *test* of the only one, if it is alone.

    There is one for all paths with the same rules, so that it is known by what it is.
    """

    __slots__ = ("condition", "entries", "test")

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self.condition, self.test = _find_only(entries)


class _Plan(NamedTuple):
    """What there is to do for documents of a layout.

    *paths* are the numbers of the rules' own paths that there are, each with that of its group.
    *jobs* holds for each pattern what takes one group or several out of a tree, whether it is one,
    and what there is to do for them.
    """

    paths: tuple[tuple[int, int], ...]
    jobs: tuple[tuple[tuple[Callable[[list[list[Node]]], Any], bool, _Job], ...], ...]


class RuleSet:
    """The rules of a compiled module.

    *patterns* holds for each rule its alternatives and its function, which is None for a rule
    without assertions; *paths* are the paths below the root that rules ask for, with numbers.
    """

    def __init__(
        self,
        patterns: Sequence[Sequence[tuple[Alternatives, Test | None]]],
        assertions: Sequence[tuple[str, str, str]],
        paths: dict[str, Any],
    ) -> None:
        self._patterns = [_by_name(pattern) for pattern in patterns]
        self._assertions = [Assertion(*assertion) for assertion in assertions]
        self._paths = paths
        self._known: dict[Entries, _Job] = {}
        self._work = lru_cache(maxsize=PLACES_MAX)(self._list_work)
        self._plan = lru_cache(maxsize=LAYOUTS_MAX)(self._make_plan)

    def check(self, tree: Tree) -> list[Finding]:
        """Return what the rules find in *tree*, by pattern and there in document order."""
        few = len(tree.layout.paths) <= LAYOUT_PATHS_MAX
        plan = (self._plan if few else self._make_plan)(tree.layout)
        state = State(tree, {path: tree.groups[number] for path, number in plan.paths})
        found: Found = []
        with localcontext(EXACT):
            for pattern in plan.jobs:
                before = len(found)
                for pick, alone, job in pattern:
                    nodes = pick(tree.groups)
                    if not alone:
                        nodes = list(chain(*nodes))
                    if job.test is None:
                        _run(nodes, job.entries, state, found)
                    elif job.condition is None:
                        job.test(nodes, state, found)
                    elif met := _meet(job.condition, nodes, state):
                        job.test(met, state, found)
                    if len(found) > FINDINGS_MAX:
                        break
                if len(found) - before > 1:
                    found[before:] = sorted(found[before:], key=_order)
        findings = [self._write(tree, *entry) for entry in found[:FINDINGS_MAX]]
        return findings if len(found) <= FINDINGS_MAX else [*findings, _write_end(tree)]

    def select(self, state: State, alternatives: Alternatives) -> list[Node]:
        """Return the nodes that match one of *alternatives*, in document order."""
        found: list[Node] = []
        for path, nodes in zip(state.tree.layout.paths, state.tree.groups, strict=True):
            entries = _list_entries([(each, None) for each in alternatives], path)
            for _, met in _meet_entries(nodes, entries, state):
                found += met
        return sorted(found, key=by_order)

    def _make_plan(self, layout: Layout) -> _Plan:
        jobs: list[dict[_Job, list[int]]] = [{} for _ in self._patterns]
        paths = []
        for group, path in enumerate(layout.paths):
            number, work = self._work(path)
            if number is not None:
                paths.append((number, group))
            for pattern, job in work:
                jobs[pattern].setdefault(job, []).append(group)
        return _Plan(
            tuple(paths),
            tuple(
                tuple(
                    (itemgetter(*groups), len(groups) == 1, job) for job, groups in pattern.items()
                )
                for pattern in jobs
                if pattern
            ),
        )

    def _list_work(self, path: tuple[str, ...]) -> tuple[int | None, tuple[tuple[int, _Job], ...]]:
        """Return the number of *path*, if rules ask for it, and what there is to do for its nodes.

        Each thing to do stands with the number of its pattern.
        """
        work = []
        for number, pattern in enumerate(self._patterns):
            entries = _list_entries(pattern.get(path[-1], pattern[_ANY]), path)
            if any(test is not None for *_, test in entries):
                work.append((number, self._known.setdefault(entries, _Job(entries))))
        return _find_number(path, self._paths), tuple(work)

    def _write(
        self, tree: Tree, node: Node, number: int, message: str | None, error: Exception | None
    ) -> Finding:
        assertion = self._assertions[number]
        severity = Severity(assertion.severity)
        text = assertion.message if message is None else space(message)
        if error is not None:
            severity = Severity.FATAL
            text = f"The rule could not be evaluated ({_explain(error)}): {assertion.message}"
        return Finding(
            rule=assertion.rule, severity=severity, location=tree.locate(node), message=text
        )


def fits(path: Sequence[str], anchored: bool, steps: Sequence[Step]) -> bool:
    """Say whether the names of *path* are those that *steps* ask for, up to its end."""
    return _fits(path, len(path) - 1, anchored, steps, len(steps) - 1)


def _fits(path: Sequence[str], at: int, anchored: bool, steps: Sequence[Step], step: int) -> bool:
    if at < 0 or not _passes(path[at], steps[step][1]):
        return False
    descending = steps[step][0]
    if step == 0:
        return not anchored or descending or at == 0
    if not descending:
        return _fits(path, at - 1, anchored, steps, step - 1)
    return any(_fits(path, above, anchored, steps, step - 1) for above in range(at))


def _passes(tag: str, test: str | tuple[str] | None) -> bool:
    if test is None:
        return True
    return tag.startswith(test[0]) if isinstance(test, tuple) else tag == test


def _by_name(
    pattern: Sequence[tuple[Alternatives, Test | None]],
) -> dict[str, list[tuple[Alternative, Test | None]]]:
    """Return the alternatives in *pattern* with their tests, in their order, by names of nodes.

    Under _ANY stand those that nodes of all other names may meet.
    """
    found: dict[str, list[tuple[Alternative, Test | None]]] = {_ANY: []}
    for alternatives, test in pattern:
        for each in alternatives:
            name = each[1][-1][1]
            if isinstance(name, str):
                found.setdefault(name, list(found[_ANY])).append((each, test))
            else:
                for known in found.values():
                    known.append((each, test))
    return found


def _list_entries(
    alternatives: Sequence[tuple[Alternative, Test | None]], path: tuple[str, ...]
) -> Entries:
    """Return conditions and tests of *alternatives* that nodes of *path* may meet, in order."""
    entries: list[tuple[Sorter | None, str, Condition | None, Test | None]] = []
    for (anchored, steps, named, sorter, word, condition), test in alternatives:
        if fits(path, anchored, steps) and _is_named(path, named):
            entries.append((sorter, word, condition, test))
            if sorter is None and condition is None:
                break
    return tuple(entries)


def _find_only(entries: Entries) -> tuple[Condition | None, Test | None]:
    """Return condition and test of the only one of *entries* that nodes may meet, else nothing."""
    sorter, _, condition, test = entries[0]
    alone = len(entries) == 1 or condition is None
    return (condition, test) if sorter is None and alone else (None, None)


def _is_named(path: tuple[str, ...], named: Callable[[str], bool] | None) -> bool:
    return named is None or named(path[-1].rpartition("}")[2])


def _run(nodes: Sequence[Node], entries: Entries, state: State, found: Found) -> None:
    for test, met in _meet_entries(nodes, entries, state):
        if test is not None:
            test(met, state, found)


def _meet_entries(
    nodes: Sequence[Node], entries: Entries, state: State
) -> Iterator[tuple[Test | None, Sequence[Node]]]:
    """Yield with each test its nodes: each of *nodes* belongs to the first entry that it meets."""
    gone: set[Node] = set()
    sorted_by: dict[Sorter, dict[str, list[Node]]] = {}
    for sorter, word, condition, test in entries:
        met = nodes
        if sorter is not None:
            if sorter not in sorted_by:
                sorted_by[sorter] = _sort(sorter, nodes, state)
            met = sorted_by[sorter].get(word, ())
        if gone:
            met = [node for node in met if node not in gone]
        if met and condition is not None:
            met = _meet(condition, met, state)
        if met:
            yield test, met
            if len(met) == len(nodes):
                return
            gone.update(met)


def _sort(sorter: Sorter, nodes: Sequence[Node], state: State) -> dict[str, list[Node]]:
    try:
        return sorter(nodes, state)
    except ERRORS:
        # As in XSLT: a pattern that cannot be evaluated does not match.  [XSLT2 §5.5.4]
        good = [node for node in nodes if _holds(sorter, node, state)]
        return sorter(good, state)


def _meet(condition: Condition, nodes: Sequence[Node], state: State) -> Sequence[Node]:
    try:
        return condition(nodes, state)
    except ERRORS:
        return [node for node in nodes if _holds(condition, node, state)]


def _holds(condition: Condition | Sorter, node: Node, state: State) -> bool:
    try:
        return bool(condition((node,), state))
    except ERRORS:
        return False


def _order(entry: tuple[Node, int, str | None, Exception | None]) -> int:
    return entry[0].order


def _find_number(path: tuple[str, ...], paths: dict[str, Any]) -> int | None:
    """Return the number of *path* among *paths* below the root; None if it is none of them."""
    found, inner = None, paths
    for tag in path[1:]:
        found, inner = inner.get(tag, (None, {}))
    return found


def _explain(error: Exception) -> str:
    if isinstance(error, EvaluationError):
        return str(error)
    return "it goes too deep" if isinstance(error, RecursionError) else "its values do not fit"


def _write_end(tree: Tree) -> Finding:
    return Finding(
        rule="findings",
        severity=Severity.FATAL,
        location=tree.locate(tree.root),
        message=f"More than {FINDINGS_MAX} findings; the rest is not listed.",
    )
