"""Work that many ask for at once and that is done together, such as in one transaction.

Callers ask one by one and wait.  What was asked while a batch is under way goes into the next one:
under load batches form by themselves, and a lone caller is served at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.errors import Unavailable

__all__ = ["Batcher"]

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Question, Answer]):
    """What was asked, and who waits for the answer."""

    question: Question
    answer: asyncio.Future[Answer]
    since: float


class Batcher(Generic[Question, Answer]):
    """Answers many questions with one call of *work*, which returns the answers in their order.

    At most *batch_max* questions of at most *size_max* by *size* go into one call, all of one
    *group*, and one call runs at a time.  When more than those that wait are *expected*, a call
    holds back until they have come, but no question waits for them longer than *patience* seconds.
    """

    def __init__(  # noqa: PLR0913 - bounds, each by its name
        self,
        work: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        *,
        batch_max: int,
        size: Callable[[Question], int] = lambda _: 0,
        size_max: int = 0,
        group: Callable[[Question], Hashable] = lambda _: None,
        expected: Callable[[], int] = lambda: 0,
        patience: float = 0.0,
    ) -> None:
        self._work = work
        self._batch_max = batch_max
        self._size = size
        self._size_max = size_max
        self._group = group
        self._expected = expected
        self._patience = patience
        self._waiting: list[_Waiting[Question, Answer]] = []
        self._asked = asyncio.Event()
        self._call: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many questions no call has taken yet."""
        return len(self._waiting)

    async def ask(self, question: Question) -> Answer:
        """Return the answer to *question*.

        Raises what *work* raises: Unavailable for all of its batch; any other error only to the
        one whose question causes it, because the others are then asked again by themselves.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(question, answer, loop.time()))
        self._asked.set()
        if self._call is None:
            self._call = asyncio.create_task(self._serve())  # noqa: TID251 - serves all who wait
        return await answer

    async def finish(self) -> None:
        """Wait until all that was asked is answered."""
        while self._call is not None:
            await asyncio.wait([self._call])

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._hold_back()
                if batch := self._take():
                    await self._answer(batch)
        finally:
            # At once, not when the task is done: a question that comes in between needs a call.
            self._call = None

    async def _hold_back(self) -> None:
        """Give those who are expected the time to come."""
        if not self._patience:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._waiting[0].since + self._patience):
                while len(self._waiting) < min(self._expected(), self._batch_max):
                    self._asked.clear()
                    await self._asked.wait()

    def _take(self) -> list[_Waiting[Question, Answer]]:
        """Take the first of those that wait, and the next of its group, up to the bounds."""
        batch: list[_Waiting[Question, Answer]] = []
        left: list[_Waiting[Question, Answer]] = []
        total, full = 0, False
        group = self._group(self._waiting[0].question) if self._waiting else None
        for waiting in self._waiting:
            if full or self._group(waiting.question) != group:
                left.append(waiting)
                continue
            total += self._size(waiting.question)
            full = len(batch) == self._batch_max or (bool(batch) and total > self._size_max)
            (left if full else batch).append(waiting)
        self._waiting = left
        return batch

    async def _answer(self, batch: Sequence[_Waiting[Question, Answer]]) -> None:
        try:
            answers = await self._work([waiting.question for waiting in batch])
            pairs = list(zip(batch, answers, strict=True))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked
            await self._fail(batch, error)
            return
        for waiting, answer in pairs:
            if not waiting.answer.done():
                waiting.answer.set_result(answer)

    async def _fail(
        self, batch: Sequence[_Waiting[Question, Answer]], error: BaseException
    ) -> None:
        """Raise *error* to those of *batch*, or find out whose question caused it."""
        one_is_to_blame = isinstance(error, Exception) and not isinstance(error, Unavailable)
        if len(batch) > 1 and one_is_to_blame:
            for waiting in batch:
                await self._answer([waiting])
            return
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
        if isinstance(error, asyncio.CancelledError):
            raise error
