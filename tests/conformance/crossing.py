"""Every case on every mutant: which go red, why, and the page that says so.

A mutant that takes or refuses some messages differs from the control on these alone.  So one run
of a case on the control, which asks all such mutants about each message, tells on which of them
the case could end otherwise; only there is it run.
"""

import re
from dataclasses import dataclass

from conformance.suite.outcome import Outcome
from tests.conformance.mutants import MUTANTS
from tests.conformance.world import run
from tests.support.broken import Dials

NAMED = 2
"""How many rows of a table are named; the rest is counted."""
LINE = re.compile(r"^\| `([a-z0-9.-]+)` \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
_HEAD = """# Every case can fail

For each case there is an access point that has the fault it looks for, and no other: a mutant. The
case passes on an access point without a fault and fails on its mutant; all other cases that fail on
that mutant stand behind it, with the reason. `tests/conformance/test_mutants.py` tries it, and
makes this table (`PEPPOL_TEST_UPDATE_MUTANTS=1`, which takes some minutes).

{cases} cases, {mutants} mutants; {exact} turn one case red. Where a case tries a table of messages,
*rows* says how many of them went wrong, and what the others are that a mutant turns red is said by
the rows that try the same. {absent} cases are never applicable; they list why.

| case | fails when the access point | rows | also red, and why |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Red:
    """A case that a mutant turns red: the rows that went wrong, of how many."""

    case_id: str
    rows: tuple[str, ...]
    total: int

    @property
    def count(self):
        return f"{len(self.rows)} of {self.total}" if self.rows else ""


def is_selective(mutant):
    """Whether *mutant* differs from the control on some messages alone."""
    return mutant.dials.takes is not None or mutant.dials.refuses is not None


def watching(touched):
    """The dials of a control that puts into *touched* the mutants that would do otherwise."""

    def takes(reason, seen):
        touched.update(
            name for name, mutant in MUTANTS.items()
            if mutant.dials.takes is not None and mutant.dials.takes(reason, seen)
        )  # fmt: skip
        return False

    def refuses(seen):
        touched.update(
            name for name, mutant in MUTANTS.items()
            if mutant.dials.refuses is not None and mutant.dials.refuses(seen)
        )  # fmt: skip
        return False

    return Dials(takes=takes, refuses=refuses)


def is_of_side(name, case):
    """Whether *case* looks at the side of an access point that the mutant *name* has broken."""
    return side(name) == side(case.id)


def side(case_id):
    """The side that a case looks at: what is sent, what is published, or what is received."""
    return next((side for side in ("as4.send", "peppol.send", "smp") if case_id.startswith(side)),
                "receiving").removeprefix("as4.").removeprefix("peppol.")  # fmt: skip


async def result_of(case, dials=None):
    """Return how *case* ends, alone, on an access point with *dials*."""
    [result] = (await run([case], dials)).results
    return result


async def cross(cases):
    """Return what each mutant turns red: lists of Red, by the mutant's name."""
    red = {name: [] for name in MUTANTS}
    for case in cases:
        touched = set()
        await result_of(case, watching(touched))
        for name, mutant in MUTANTS.items():
            possible = name in touched if is_selective(mutant) else is_of_side(name, case)
            if not possible:
                continue
            result = await result_of(case, mutant.dials)
            if result.outcome is Outcome.FAILED:
                wrong = tuple(row.name for row in result.rows if not row.passed)
                red[name].append(Red(case.id, wrong, len(result.rows)))
    return red


def page(cases, red):
    """The table of cases and mutants, as Markdown."""
    lines = []
    for case in cases:
        mutant = MUTANTS.get(case.id)
        if mutant is not None:
            found = {each.case_id: each for each in red[case.id]}
            own = found.pop(case.id)
            others = _others(mutant, list(found.values()))
            lines.append(f"| `{case.id}` | {mutant.words} | {own.count} | {others} |")
    head = _HEAD.format(
        cases=len(cases), mutants=len(MUTANTS), absent=len(cases) - len(lines),
        exact=sum(len(found) == 1 for found in red.values()),
    )  # fmt: skip
    return head + "\n".join([*lines, ""])


def _others(mutant, found):
    rows = [f"`{each.case_id}` ({_rows(each)})" for each in found if each.rows]
    plain = [f"`{each.case_id}`" for each in found if not each.rows]
    said = [f"{', '.join(plain)}: {mutant.why}"] if plain else []
    return "; ".join([*said, *rows])


def _rows(red):
    named = "; ".join(red.rows[:NAMED])
    return f"{named}; {len(red.rows) - NAMED} more" if len(red.rows) > NAMED else named


def read_page(text):
    """Return what the page *text* says: words, and the cases that go red, by mutant."""
    return {
        name: (words, {name, *re.findall("`([a-z0-9.-]+)`", others)})
        for name, words, _rows, others in LINE.findall(text)
    }
