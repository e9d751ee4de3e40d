"""Both sides of the matrix, and how the cases of one direction are played."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from tests.interop.cells import Cell
from tests.interop.phase4 import Phase4
from tests.interop.proxy import Wire
from tests.interop.sandbox import BadKey, Sandbox
from tests.support.peer import Peer


@dataclass(slots=True)
class Match:
    """Both sides, ready to play; the sandbox's blue sends and its red receives for us.

    *peer* seals messages of our making for phase4. *our_bad* and *their_bad* are keys that must
    be refused, the first with *peer*'s seat, the second with phase4's.
    """

    sandbox: Sandbox
    phase4: Phase4
    wire: Wire
    folder: Path
    peer: Peer
    our_bad: dict[str, BadKey]
    their_bad: dict[str, BadKey]
    session: aiohttp.ClientSession


Case = Callable[[Match], Awaitable[Cell]]
"""Plays one case; direction, name and (unless it measured) time are filled in by `play`."""


async def play(match: Match, direction: str, cases: Mapping[str, Case]) -> AsyncIterator[Cell]:
    """Play *cases*, one after the other; one that breaks is a failed cell, not the end."""
    for name, case in cases.items():
        match.wire.mischief = "none"
        started = time.monotonic()
        try:
            cell = await case(match)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cell shows it
            got = f"broke: {type(error).__name__}: {error}"
            cell = Cell("", "", "an answer", got, passed=False)
        ms = cell.ms or (time.monotonic() - started) * 1000
        yield replace(cell, direction=direction, case=name, ms=ms, note=cell.note or _verdict(cell))


def _verdict(cell: Cell) -> str:
    """Say who was right; a deviation that is on the list is said elsewhere."""
    if cell.passed:
        return "both right: sent, judged and answered as the specification demands"
    return "not as the specification demands: see what was sent, and the answer that came"
