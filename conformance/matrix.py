"""Which clause of which specification is kept by which code, and what tries it: `MATRIX.md`.

    python -m conformance.matrix > conformance/MATRIX.md

It is made from citations: `[AS4 §3.1]` in code and in tests, and the sources of conformance cases.
A citation in a test counts where the test stands that fails when the clause is broken: within the
function, or at the head of a module whose tests all try it.  A case counts by its id: `MUTANTS.md`
says on which broken access point it fails.  What helps tests is neither code nor test.

Beside what cites a clause, or one inside it, stand the unit tests of the code that keeps it, which
are known by their name: `tests/as4/test_mime.py` is of `as4/mime.py`.  A clause with neither is
listed as such.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from conformance.cases import all_cases
from conformance.cases.as4 import absent

__all__ = ["Clause", "Traces", "read_traces", "write_matrix"]

CODE: Final = ("as4", "smp", "ubl", "ledger_core", "mail", "gateway", "conformance")
CASES: Final = "conformance/cases/"
SHOWN: Final = 4
"""How many tests and cases are named in one cell; the rest is counted."""
_CITATION: Final = re.compile(r"\[([A-Z][A-Z0-9-]+) §([^\]\s]+)\]")
_DEFINITION: Final = re.compile(r"(?:async )?def (\w+)|(?:class|@|[A-Z_]+\b)")
NOBODY: Final = "**none**"
_HEAD: Final = """# Clause, code, test

Made from the citations in the sources by `python -m conformance.matrix`; a test fails when it is
out of date. Where we leave a specification: [divergences](specs/divergences.md). On which broken
access point each case fails: [mutants](MUTANTS.md).

{clauses} clauses of {specifications} specifications. {uncited} of them no test and no case cites;
of these {untried} are kept by code that has no unit tests of its name either: {none} in the table.\
"""


class Clause(NamedTuple):
    """A clause by the id of its specification in `specs/index.tsv` and its number there."""

    specification: str
    number: str

    def holds(self, other: "Clause") -> bool:
        """Return whether *other* is this clause or one inside it."""
        return self.specification == other.specification and (
            other.number == self.number or other.number.startswith(self.number + ".")
        )

    @property
    def order(self) -> tuple[object, ...]:
        """What clauses are sorted by: numbers as numbers."""
        parts = re.split(r"([0-9]+)", self.number)
        return (self.specification, [(part.isdigit(), part.zfill(6)) for part in parts])


@dataclass(slots=True)
class Traces:
    """Where clauses are cited: files of code, and tests and cases that try them, by clause."""

    code: defaultdict[Clause, set[str]] = field(default_factory=lambda: defaultdict(set))
    tried: defaultdict[Clause, set[str]] = field(default_factory=lambda: defaultdict(set))
    tests: list[str] = field(default_factory=list)

    def unit_tests(self, clause: Clause) -> list[str]:
        """Return the unit tests of the code that cites *clause*."""
        return sorted({test for file in self.code[clause] for test in self._tests_of(file)})

    def _tests_of(self, file: str) -> list[str]:
        package, stem = file.partition("/")[0], Path(file).stem
        if stem == "__init__":
            stem = Path(file).parent.name
        begins = f"tests/{package}/"
        return [
            test for test in self.tests
            if test.startswith(begins) and re.fullmatch(f"test_{stem}(_.*)?", Path(test).stem)
        ]  # fmt: skip

    def who_tries(self, clause: Clause) -> list[str]:
        """Return the tests and cases that try *clause* or a clause inside it."""
        return sorted({name for each, names in self.tried.items() if clause.holds(each)
                       for name in names})  # fmt: skip

    def untried(self) -> list[Clause]:
        """Return the clauses that code keeps and neither a test nor a case is known for."""
        return [
            each for each in sorted(self.code, key=_order)
            if self.code[each] and not self.who_tries(each) and not self.unit_tests(each)
        ]  # fmt: skip


def read_traces(root: Path) -> Traces:
    """Return what the sources below *root* (a clone), and the cases, cite."""
    traces = Traces()
    for name, text in _sources(root, CODE):
        if not name.startswith(CASES):
            for found in _CITATION.findall(text):
                traces.code[Clause(*found)].add(name)
    for name, text in _sources(root, ("tests",)):
        if Path(name).stem.startswith("test_"):
            traces.tests.append(name)
            for clause, test in cited_in_tests(text):
                traces.tried[clause].add(f"{name}::{test}" if test else name)
    never_tried = {case.id for case in absent.CASES}
    for case in all_cases():
        if case.id not in never_tried:
            for source in case.sources:
                specification, _, number = source.partition(" §")
                traces.tried[Clause(specification, number)].add(case.id)
    return traces


def cited_in_tests(text: str) -> Iterator[tuple[Clause, str]]:
    """Yield each clause that the test module *text* cites, with the name of the test it is in.

    The name is empty for what stands at the head of the module; a citation in what only helps
    tests is left out.
    """
    test, at_head = "", True
    for line in text.splitlines():
        found = _DEFINITION.match(line)
        if found is not None:
            name = found[1] or ""
            test, at_head = name if name.startswith("test_") else "", False
        if test or at_head:
            yield from ((Clause(*cited), test) for cited in _CITATION.findall(line))


def write_matrix(traces: Traces, titles: Mapping[str, str]) -> str:
    """Return the matrix as Markdown; *titles* are those of the specifications, by id."""
    clauses = sorted({*traces.code, *traces.tried}, key=_order)
    uncited = [each for each in clauses if not traces.who_tries(each)]
    specifications = sorted({each.specification for each in clauses})
    lines = [_HEAD.format(
        clauses=len(clauses), specifications=len(specifications), uncited=len(uncited),
        none=NOBODY, untried=len(traces.untried()),
    )]  # fmt: skip
    for specification in specifications:
        lines += ["", f"## {specification}: {titles[specification]}", ""]
        lines += ["| clause | kept by | tried by | unit tests |", "| --- | --- | --- | --- |"]
        for each in clauses:
            if each.specification == specification:
                tried, units = _some(traces.who_tries(each)), _files(traces.unit_tests(each))
                if not tried and not units:
                    units = NOBODY
                kept = _files(traces.code[each])
                lines.append(f"| {each.number} | {kept} | {tried} | {units} |")
    return "\n".join(lines) + "\n"


def read_titles(root: Path) -> dict[str, str]:
    """Return the titles of the specifications that are known, by id."""
    rows = (root / "conformance/specs/index.tsv").read_text().splitlines()[1:]
    return {row.split("\t")[0]: row.split("\t")[3] for row in rows}


def _sources(root: Path, folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if name not in ("conformance/matrix.py", "tests/conformance/test_matrix.py"):
                yield name, path.read_text()


def _order(clause: Clause) -> tuple[object, ...]:
    return clause.order


def _files(files: Iterable[str]) -> str:
    return "<br>".join(f"`{file}`" for file in sorted(files))


def _some(names: list[str]) -> str:
    """Return the first of *names*: tests before cases."""
    ordered = sorted(names, key=lambda name: (not name.startswith("tests/"), name))
    left = len(ordered) - SHOWN
    return "<br>".join(
        [*(f"`{name}`" for name in ordered[:SHOWN]), *([f"{left} more"] * (left > 0))]
    )


if __name__ == "__main__":
    here = Path.cwd()
    sys.stdout.write(write_matrix(read_traces(here), read_titles(here)))
