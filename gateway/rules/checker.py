"""The check of documents for the rest of the gateway: where it runs, and what it answers.

Small documents are checked where they are, in some milliseconds.  Large ones, those whose schema
errors have to be explained, and everything that Saxon checks go to processes of their own, which
are bounded in time and number.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final, Self

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.lanes import Lanes, ProcessEnded, TookTooLong
from gateway.rules.outcome import Outcome, Question
from gateway.rules.pipeline import (
    NotLoaded,
    check_here,
    make_native,
    make_saxon,
    unchecked,
)
from gateway.rules.report import Engine, Report, write_report
from gateway.rules.rulebook import Rulebook
from gateway.rules.saxon import not_installed
from gateway.rules.shelf import Shelf, prepare_folder
from gateway.settings import Settings

CHECK_SECONDS_MAX: Final = 120.0  # LIMIT: the check of one document.
START_SECONDS_MAX: Final = 60.0  # LIMIT: the start of a process, rules compiled included.
WAITING_MAX: Final = 256  # LIMIT: documents that wait for a process, of 1 MiB but for a few.
PROCESSES_MAX: Final = 2  # LIMIT: processes for each engine.
MEMORY_BYTES_MAX: Final = 2 << 30  # LIMIT: of a process; the largest documents take 1 GB.
ATTEMPTS_MAX: Final = 2  # LIMIT: processes that may end in the middle of one document.
RETRY_SECONDS: Final = 30.0


class Checker:
    """Checks documents; made by `open`, which ends its processes.

    Rules that are installed meanwhile count for the next document.
    """

    def __init__(self, settings: Settings, shelf: Shelf, clock: Clock) -> None:
        self._shelf = shelf
        self._clock = clock
        self._loading = asyncio.Lock()
        count = min(PROCESSES_MAX, os.cpu_count() or 1)
        self._native, self._saxon = (
            Lanes(
                make,
                settings.rules_folder.absolute(),
                count=count,
                seconds_max=CHECK_SECONDS_MAX,
                start_seconds_max=START_SECONDS_MAX,
                waiting_max=WAITING_MAX,
                memory_bytes_max=MEMORY_BYTES_MAX,
            )
            for make in (make_native, make_saxon)
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, clock: Clock) -> AsyncIterator[Self]:
        """Yield a checker with the rules in *settings*; raises Fault where they cannot be used.

        *clock* says which rules are mandatory today.
        """
        prepare_folder(settings)
        shelf = Shelf(settings.rules_folder)
        await asyncio.to_thread(shelf.take)
        checker = cls(settings, shelf, clock)
        try:
            yield checker
        finally:
            await checker.close()

    async def close(self) -> None:
        """End the processes."""
        await self._native.close()
        await self._saxon.close()

    async def check(
        self,
        data: bytes,
        *,
        rules_only: bool = False,
        engine: Engine = "native",
        language: str | None = "en",
    ) -> Report:
        """Return what is wrong with the document *data*, with hints in *language* if any.

        *rules_only* leaves the schema out, for fragments.  Raises Fault where the rules cannot be
        used or *engine* is not installed, Unavailable where too many documents wait or no process
        can do the work.
        """
        question = Question(data, rules_only, language)
        book = await self._find_book()
        if engine == "saxon":
            if find_spec("saxonche") is None:
                raise not_installed()
            outcome = await _ask(self._saxon, question)
        else:
            outcome = await self._check_here(question, book) or await _ask(self._native, question)
        outdated = book.outdated(self._clock.now().date())
        return write_report(outcome, outdated, engine=engine)

    async def _check_here(self, question: Question, book: Rulebook) -> Outcome | None:
        """Do what `check_here` does, but load beside the event loop."""
        while True:
            try:
                return check_here(question, book, may_load=False)
            except NotLoaded as missing:
                async with self._loading:
                    await asyncio.to_thread(missing.load)

    async def _find_book(self) -> Rulebook:
        """Return the rules as they are now; an idle gateway has read none, and stays small."""
        book = self._shelf.find_current()
        if book is None:
            async with self._loading:
                book = await asyncio.to_thread(self._shelf.take)
        return book


async def _ask(lanes: Lanes, question: Question) -> Outcome:
    """Return what a process finds; a document that needs too much of it is a finding."""
    for _ in range(ATTEMPTS_MAX):
        try:
            outcome: Outcome = await lanes.ask(question)
        except TookTooLong:
            return unchecked(f"it took longer than {CHECK_SECONDS_MAX:g} seconds")
        except MemoryError:
            return unchecked(f"it needs more than {MEMORY_BYTES_MAX >> 20} MiB of memory")
        except ProcessEnded:
            continue
        return outcome
    # The machine is short of memory, or somebody ends our processes: no word about the document.
    raise Unavailable("the process that checks the document was ended", RETRY_SECONDS)
