"""Questions that come while others are answered share one call, and no failure of another."""

import asyncio

import pytest

from gateway.batches import Batcher
from gateway.errors import Unavailable


class Work:
    """Doubles numbers, when it is let; remembers what it was asked together."""

    def __init__(self):
        self.batches = []
        self.free = asyncio.Event()
        self.free.set()
        self.bad = {}

    async def __call__(self, numbers):
        self.batches.append(list(numbers))
        await self.free.wait()
        for number in numbers:
            if number in self.bad:
                raise self.bad[number]
        return [2 * number for number in numbers]

    async def begun(self):
        """Wait for the first call."""
        await once(lambda: self.batches)


async def once(holds):
    while not holds():  # noqa: ASYNC110 - what is waited for says nothing when it happens
        await asyncio.sleep(0)


async def ask_all(batcher, numbers):
    return await asyncio.gather(*map(batcher.ask, numbers), return_exceptions=True)


async def test_a_lone_question_is_answered_at_once():
    work = Work()
    assert await Batcher(work, batch_max=8).ask(4) == 8
    assert work.batches == [[4]]


async def test_what_is_asked_together_is_answered_together_in_order():
    work = Work()
    assert await ask_all(Batcher(work, batch_max=8), range(5)) == [0, 2, 4, 6, 8]
    assert work.batches == [[0, 1, 2, 3, 4]]


async def test_what_comes_meanwhile_goes_into_the_next_batch():
    work = Work()
    batcher = Batcher(work, batch_max=8)
    work.free.clear()
    first = asyncio.create_task(batcher.ask(1))
    await work.begun()
    rest = asyncio.create_task(ask_all(batcher, [2, 3, 4]))
    await once(lambda: batcher.waiting == 3)
    work.free.set()
    assert (await first, await rest) == (2, [4, 6, 8])
    assert work.batches == [[1], [2, 3, 4]]


async def test_a_batch_has_bounds_in_number_and_in_size():
    work = Work()
    await ask_all(Batcher(work, batch_max=2), range(5))
    assert work.batches == [[0, 1], [2, 3], [4]]
    work.batches.clear()
    await ask_all(Batcher(work, batch_max=9, size=lambda n: n, size_max=10), [4, 6, 1, 20, 3])
    assert work.batches == [[4, 6], [1], [20], [3]]


async def test_a_batch_is_of_one_group():
    work = Work()
    answers = await ask_all(Batcher(work, batch_max=2, group=lambda n: n % 2), range(7))
    assert answers == [0, 2, 4, 6, 8, 10, 12]
    assert work.batches == [[0, 2], [1, 3], [4, 6], [5]]


async def test_one_call_runs_at_a_time():
    work = Work()
    work.free.clear()
    asked = asyncio.create_task(ask_all(Batcher(work, batch_max=1), range(4)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert work.batches == [[0]]
    work.free.set()
    assert await asked == [0, 2, 4, 6]


async def test_a_question_that_fails_fails_alone():
    work = Work()
    work.bad[2] = LookupError("two")
    answers = await ask_all(Batcher(work, batch_max=8), range(4))
    assert answers == [0, 2, work.bad[2], 6]
    assert work.batches == [[0, 1, 2, 3], [0], [1], [2], [3]]


async def test_what_is_down_is_down_for_all_and_not_asked_again():
    work = Work()
    work.bad[2] = Unavailable("down", 1.0)
    answers = await ask_all(Batcher(work, batch_max=8), range(4))
    assert answers == [work.bad[2]] * 4
    assert work.batches == [[0, 1, 2, 3]]


async def test_after_a_failure_others_are_answered():
    work = Work()
    work.bad[1] = Unavailable("down", 1.0)
    batcher = Batcher(work, batch_max=8)
    with pytest.raises(Unavailable):
        await batcher.ask(1)
    assert await batcher.ask(3) == 6


async def test_answers_that_are_too_few_are_nobodys_answer():
    async def forgetful(numbers):
        return numbers[1:]

    answers = await ask_all(Batcher(forgetful, batch_max=8), range(3))
    assert all(isinstance(answer, ValueError) for answer in answers)


async def test_one_who_stops_waiting_does_not_disturb_the_others():
    work = Work()
    work.free.clear()
    batcher = Batcher(work, batch_max=8)
    gone, stays = asyncio.create_task(batcher.ask(1)), asyncio.create_task(batcher.ask(2))
    await work.begun()
    gone.cancel()
    work.free.set()
    assert await stays == 4
    assert gone.cancelled() or await asyncio.wait([gone])


async def test_a_call_holds_back_until_those_who_are_expected_have_come():
    work = Work()
    batcher = Batcher(work, batch_max=8, expected=lambda: 3, patience=600)
    first = asyncio.create_task(batcher.ask(1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert work.batches == []
    rest = asyncio.create_task(ask_all(batcher, [2, 3]))
    assert (await first, await rest) == (2, [4, 6])
    assert work.batches == [[1, 2, 3]]


async def test_a_call_does_not_hold_back_for_ever_or_for_more_than_it_takes():
    work = Work()
    assert await Batcher(work, batch_max=8, expected=lambda: 3, patience=0.01).ask(1) == 2
    assert await ask_all(
        Batcher(work, batch_max=2, expected=lambda: 9, patience=600), range(4)
    ) == [0, 2, 4, 6]


async def test_no_question_waits_for_others_more_than_once(monkeypatch):
    deadlines, timeout_at = [], asyncio.timeout_at

    def noted(deadline):
        deadlines.append(deadline)
        return timeout_at(deadline)

    monkeypatch.setattr(asyncio, "timeout_at", noted)
    work = Work()
    batcher = Batcher(work, batch_max=8, group=lambda n: n, expected=lambda: 99, patience=0.2)
    assert await ask_all(batcher, range(5)) == [0, 2, 4, 6, 8]
    assert work.batches == [[0], [1], [2], [3], [4]]
    assert len(deadlines) == 5
    # All were asked at once: that of the last is hardly later than that of the first.
    assert deadlines == sorted(deadlines)
    assert deadlines[-1] - deadlines[0] < 0.2


async def test_what_another_group_sends_does_not_fill_a_batch():
    work = Work()
    batcher = Batcher(work, batch_max=9, size=lambda n: n, size_max=10, group=lambda n: n % 2)
    assert await ask_all(batcher, [2, 9, 4, 3]) == [4, 18, 8, 6]
    assert work.batches == [[2, 4], [9], [3]]


async def test_all_that_was_asked_is_answered_at_the_end():
    work = Work()
    work.free.clear()
    batcher = Batcher(work, batch_max=1)
    asked = asyncio.create_task(ask_all(batcher, range(3)))
    await work.begun()
    work.free.set()
    await batcher.finish()
    assert batcher.waiting == 0
    assert await asked == [0, 2, 4]
