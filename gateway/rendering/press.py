"""Where pages and PDFs are made: in processes of their own, in a bounded time or not at all.

What is shown was written by strangers, and laying it out takes as long as they like.  A process
can be killed; a thread cannot.  It starts with the first document that is shown, and knows neither
network nor database.
"""

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, ParamSpec, TypeVar

from gateway.errors import Fault, Kind
from gateway.lanes import Ask, InLanes, Lanes, ProcessEnded, TookTooLong

__all__ = ["Press", "Turn"]

P = ParamSpec("P")
T = TypeVar("T")

COUNT: Final = 1  # LIMIT: processes that show documents, of each process of the gateway.
WAITING_MAX: Final = 32  # LIMIT: documents that wait for one; the next is told to come back.
SECONDS_MAX: Final = 20.0  # LIMIT: for one document; the longest that is allowed takes seven.
START_SECONDS_MAX: Final = 30.0  # LIMIT: until a process is there, on a machine that is busy.
MEMORY_BYTES_MAX: Final = 2 << 30  # LIMIT: of a process.
_LOADED: Final = ("gateway.rendering.html", "gateway.rendering.invoices", "gateway.rendering.pdf")


class Press(InLanes):
    """Runs functions that show documents, each in a bounded time."""

    def __init__(self, *, seconds_max: float = SECONDS_MAX) -> None:
        lanes = Lanes(
            _prepare,
            None,
            count=COUNT,
            seconds_max=seconds_max,
            start_seconds_max=START_SECONDS_MAX,
            waiting_max=WAITING_MAX,
            memory_bytes_max=MEMORY_BYTES_MAX,
        )
        super().__init__(lanes)

    async def run(self, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
        """Return what *function*, one that can be imported by its name, makes in a process.

        Raises the Fault that it raises, Fault (TOO_LARGE) when it takes too much time or memory,
        and Unavailable when too many wait or no process can be started.
        """
        async with self.turn() as turn:
            return await turn.run(function, *args, **named)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """Wait for a process, and yield a turn at it; raises Unavailable as `run` does.

        A document is fetched in its turn, so that those that wait are not in memory.
        """
        async with self._lanes.turn() as ask:
            yield Turn(ask)


class Turn:
    """A process that is kept for who has it; it works on one document."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def run(self, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
        """Do what `Press.run` does."""
        try:
            made: T = await self._ask((function, args, named))
        except (TookTooLong, ProcessEnded, MemoryError) as error:
            detail = "the document takes too much time or memory to be shown"
            raise Fault(Kind.TOO_LARGE, "too-large-to-show", detail) from error
        return made


def _prepare(_: None) -> Callable[[Any], Any]:
    """Load what the new process works with, and return what it does."""
    for module in _LOADED:
        importlib.import_module(module)
    return _do


def _do(job: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> Any:
    function, args, named = job
    return function(*args, **named)
