"""Our rule engine and Saxon side by side: what each says of a document, and where they differ."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from lxml import etree

from tests.support.rulesets import RuleSet
from tests.support.saxon import Oracle, Said
from ubl.findings import Finding
from ubl.schematron import Tree, build_tree
from ubl.schematron.compiler import compile_rules

EVALUATION_ERROR = "The rule could not be evaluated"
"""What the message of our engine begins with where a rule cannot be evaluated."""


class Native:
    """One rule file, source or compiled stylesheet, as our own engine runs it."""

    def __init__(self, path: Path) -> None:
        files = {
            near.relative_to(path.parent).as_posix(): near.read_bytes()
            for near in path.parent.rglob(f"*{path.suffix}")
        }
        module: dict[str, object] = {}
        exec(compile(compile_rules(files, path.name), path.name, "exec"), module)
        self._check = module["check"]

    def check(self, tree: Tree) -> list[Said]:
        """Return all that the rules say of the document *tree*."""
        return [_said(finding) for finding in self._check(tree)]


@dataclass(frozen=True, slots=True)
class Difference:
    """What one engine alone says of a document by one rule set.

    *about* is `verdict` where rule, severity or place differ, and `message` where only words do.
    """

    rule_set: str
    about: str
    ours: tuple[Said, ...]
    theirs: tuple[Said, ...]

    def __str__(self) -> str:
        lines = [f"{self.rule_set}: another {self.about}"]
        lines += [f"  ours alone:  {one}" for one in self.ours]
        lines += [f"  Saxon alone: {one}" for one in self.theirs]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What both engines said of one document, by every rule set that was asked."""

    runs: int
    said: tuple[tuple[str, Said], ...]
    differences: tuple[Difference, ...]


@cache
def native(path: Path) -> Native:
    """Return the engine for the rule file at *path*, compiled once in this process."""
    return Native(path)


@cache
def oracle(path: Path) -> Oracle:
    """Return Saxon with the stylesheet at *path*, compiled once in this process."""
    return Oracle(path)


def compare(rules: Path, rule_sets: Iterable[RuleSet], root: etree._Element) -> Comparison:
    """Ask both engines what *rule_sets*, below the folder *rules*, say of the document *root*."""
    tree = build_tree(root)
    runs, said, found = 0, [], []
    for rule_set in rule_sets:
        ours = native(rules / rule_set.xslt).check(tree)
        theirs = oracle(rules / rule_set.xslt).check(root)
        runs += 1
        said += [(rule_set.id, one) for one in theirs]
        difference = differ(rule_set.id, ours, theirs)
        if difference is not None:
            found.append(difference)
    return Comparison(runs, tuple(said), tuple(found))


def differ(rule_set: str, ours: list[Said], theirs: list[Said]) -> Difference | None:
    """Return how two verdicts differ as multisets, or None."""
    if Counter(ours) == Counter(theirs):
        return None
    silent = [
        _only(map(_unworded, one), map(_unworded, other)) for one, other in _both(ours, theirs)
    ]
    if any(silent):
        return Difference(rule_set, "verdict", *silent)
    return Difference(rule_set, "message", _only(ours, theirs), _only(theirs, ours))


def _both(ours: list[Said], theirs: list[Said]) -> tuple[tuple[list[Said], list[Said]], ...]:
    return (ours, theirs), (theirs, ours)


def _only(ours: Iterable[Said], theirs: Iterable[Said]) -> tuple[Said, ...]:
    return tuple(sorted((Counter(ours) - Counter(theirs)).elements()))


def _unworded(said: Said) -> Said:
    return replace(said, message="")


def _said(finding: Finding) -> Said:
    error = finding.message.startswith(EVALUATION_ERROR)
    return Said(
        rule=finding.rule,
        severity=str(finding.severity),
        location=finding.location,
        message="" if error else " ".join(finding.message.split()),
        error=error,
    )
