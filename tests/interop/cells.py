"""One square of the interop matrix: what was sent, what came back, who was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OURS_TO_PHASE4 = "ours to phase4"
PHASE4_TO_OURS = "phase4 to ours"
DEVIATION = "known deviation: "
"""How the note of a cell begins that passed because of the reviewed list."""
REFUSED = "a signed error, and no delivery"
"""What is expected of whoever gets a bad message."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The outcome of one case in one direction.

    *expected* is what the specification demands and *got* what was seen, both for a reader;
    *passed* says whether they agree. *note* says who was right, or which deviation it was.
    """

    direction: str
    case: str
    expected: str
    got: str
    passed: bool
    sent: str = ""
    note: str = ""
    ms: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the cell as `make interop ARGS=--json` prints it."""
        return {
            "direction": self.direction,
            "case": self.case,
            "expected": self.expected,
            "got": self.got,
            "pass": self.passed,
            "sent": self.sent,
            "note": self.note,
            "ms": round(self.ms, 1),
        }


def summary(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the matrix as one object: the cells, and how many passed and failed."""
    passed = sum(cell.passed for cell in cells)
    return {
        "cells": [cell.as_json() for cell in cells],
        "passed": passed,
        "failed": len(cells) - passed,
    }


def line(cell: Cell) -> str:
    """Return the cell as one line for a person."""
    verdict = "ok    " if cell.passed else "FAILED"
    text = f"{verdict} {cell.direction:15} {cell.case:28} {cell.got}"
    if not cell.passed:
        text += f"\n       expected: {cell.expected}"
        text += f"\n       sent: {cell.sent}" if cell.sent else ""
    told = cell.note and (not cell.passed or cell.note.startswith(DEVIATION))
    return text + (f"\n       {cell.note}" if told else "")


def deliveries(count: int) -> str:
    """Return *count* deliveries in words."""
    return "one delivery" if count == 1 else f"{count} deliveries"
