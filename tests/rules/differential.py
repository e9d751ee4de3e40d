"""Our engine against Saxon over examples, unit cases and mutants, in parallel processes."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from lxml import etree

from tests.rules.smallest import shrink
from tests.support.engines import Comparison, compare
from tests.support.mutants import SOURCE_BYTES_MAX, Maker
from tests.support.rulesets import KINDS, RuleSet, examples, schema_of
from tests.support.unitcases import en16931_cases, peppol_cases, reporting_cases
from ubl.xml import parse

BATCH = 50
SHOWN_MAX = 20
DOCUMENTS = {"examples": 289, "unit cases": 1817}
"""How many of each there are: what was compared with fewer has compared too little."""
SHOWN_OF_A_BATCH_MAX = 2
"""Differences that are shrunk, which takes a while, and shown; all are counted."""


@dataclass(slots=True)
class Tally:
    """What was compared, and how much of it came out differently."""

    documents: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    findings: int = 0
    errors: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    differences: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.documents += other.documents
        self.runs += other.runs
        self.findings += other.findings
        self.errors += other.errors
        self.rules += other.rules
        self.differences += other.differences
        self.shown += other.shown

    def count(self, suite: str, comparison: Comparison) -> None:
        self.documents[suite] += 1
        self.runs += comparison.runs
        self.findings += len(comparison.said)
        self.errors += sum(said.error for _, said in comparison.said)
        self.rules.update({f"{rules} {said.rule}" for rules, said in comparison.said})
        self.differences.update(difference.about for difference in comparison.differences)

    def lacks(self, mutants: int) -> list[str]:
        """Say of what there is more or less than there should be, of *mutants* as many as asked."""
        return [
            f"{self.documents[suite]} {suite} were compared, and not {number}"
            for suite, number in {**DOCUMENTS, "mutants": mutants}.items()
            if self.documents[suite] != number
        ]


def run(
    rules: Path, *, count: int, seed: int, processes: int, tell: Callable[[Tally], None]
) -> Tally:
    """Compare everything below *rules*, and *count* mutants of *seed*; *tell* hears of progress."""
    work: list[partial[Tally]] = [partial(_compare_cases, rules), partial(_compare_examples, rules)]
    work += [
        partial(_compare_mutants, rules, seed, range(start, min(start + BATCH, count)))
        for start in range(0, count, BATCH)
    ]
    total = Tally()
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _silence) as pool:
        for done in pool.imap_unordered(_call, work):
            total.add(done)
            tell(total)
    return total


def _call(work: "partial[Tally]") -> Tally:
    return work()


def _silence() -> None:
    """Let Saxon print its errors nowhere: they are compared."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _compare_cases(rules: Path) -> Tally:
    tally = Tally()
    for case in [*en16931_cases(rules), *peppol_cases(rules), *reporting_cases(rules)]:
        _compare_one(tally, "unit cases", rules, (case.rules,), case.name, case.document)
    return tally


def _compare_examples(rules: Path) -> Tally:
    tally = Tally()
    for kind in KINDS:
        for path in examples(rules, kind):
            _compare_one(tally, "examples", rules, kind.rules, path.name, path.read_bytes())
    return tally


def _compare_mutants(rules: Path, seed: int, numbers: range) -> Tally:
    tally, maker = Tally(), _maker(rules, seed)
    for number in numbers:
        mutant = maker.make(number)
        title = f"mutant {number} of {mutant.source}: {'; '.join(mutant.changes)}"
        _compare_one(tally, "mutants", rules, mutant.kind.rules, title, mutant.data)
    return tally


def _compare_one(
    tally: Tally, suite: str, rules: Path, asked: tuple[RuleSet, ...], title: str, data: bytes
) -> None:
    root = parse(data, bytes_max=SOURCE_BYTES_MAX)
    try:
        comparison = compare(rules, asked, root)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the worst difference of all
        tally.differences["crash"] += 1
        tally.shown.append(f"{title}\n{error!r}\n{data.decode()}")
        return
    tally.count(suite, comparison)
    if comparison.differences and len(tally.shown) < SHOWN_OF_A_BATCH_MAX:
        tally.shown.append("\n".join([title, *_show(rules, asked, root)]))


def _show(rules: Path, asked: tuple[RuleSet, ...], root: etree._Element) -> Iterator[str]:
    """Yield each difference, and the smallest document that shows the same kind of it."""
    schema = next((schema_of(rules, kind, root) for kind in KINDS if kind.rules == asked), None)
    was_valid = schema is not None and schema.validate(root)
    for rule_set in asked:
        first = compare(rules, (rule_set,), root).differences
        if not first:
            continue
        wanted = {(one.rule, one.error) for one in first[0].ours + first[0].theirs}

        def still(tree: etree._Element, rule_set: RuleSet = rule_set, wanted: set = wanted) -> bool:
            if was_valid and not schema.validate(tree):
                return False
            found = compare(rules, (rule_set,), tree).differences
            return any(
                (one.rule, one.error) in wanted for diff in found for one in diff.ours + diff.theirs
            )

        small = shrink(root, still)
        yield from map(str, compare(rules, (rule_set,), small).differences)
        yield etree.tostring(small, encoding="unicode")


@cache
def _maker(rules: Path, seed: int) -> Maker:
    return Maker(rules, seed)
