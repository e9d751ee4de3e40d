"""Processes beside ours: answers, bounds, and what follows when one is lost."""

import asyncio
import gc
import os
import signal
import threading
from contextlib import asynccontextmanager
from multiprocessing.context import SpawnProcess

import psutil
import pytest

from gateway.errors import Unavailable
from gateway.lanes import Lanes, ProcessEnded, TookTooLong
from tests.support.lanework import make_worker


@asynccontextmanager
async def lanes(given="it says", **changes):
    bounds = {"count": 1, "seconds_max": 30, "start_seconds_max": 60, "waiting_max": 4}
    bounds |= {"memory_bytes_max": 1 << 30}
    opened = Lanes(make_worker, given, **bounds | changes)
    try:
        yield opened
    finally:
        await opened.close()


def recorded(call_later, calls):
    """Return *call_later*, which notes in *calls* after how long what is called."""

    def call(seconds, *args, **named):
        handle = call_later(seconds, *args, **named)
        calls.append((seconds, handle))
        return handle

    return call


async def gone(pid):
    """Wait until the process *pid* has ended and was seen off."""
    for _ in range(1500):
        if not psutil.pid_exists(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the process is still there")


async def test_one_process_answers_one_question_after_the_other():
    async with lanes() as workers:
        first, pid = await workers.ask(("say", "one"))
        second, same = await workers.ask(("say", "two"))
    assert (first, second) == ("it says one", "it says two")
    assert pid == same


async def test_what_the_work_raises_is_raised_here_and_the_process_stays():
    async with lanes() as workers:
        _, pid = await workers.ask(("say", 1))
        with pytest.raises(ValueError, match="wrong"):
            await workers.ask(("raise", "wrong"))
        assert (await workers.ask(("say", 2)))[1] == pid


async def test_work_that_takes_too_long_costs_its_process_alone():
    async with lanes(seconds_max=0.2) as workers:
        _, pid = await workers.ask(("say", 1))
        with pytest.raises(TookTooLong):
            await workers.ask(("sleep", 60))
        assert (await workers.ask(("say", 2)))[1] != pid


async def test_a_process_that_ends_is_replaced():
    async with lanes() as workers:
        with pytest.raises(ProcessEnded):
            await workers.ask(("die", 0))
        assert (await workers.ask(("say", 1)))[0] == "it says 1"


async def test_more_questions_than_may_wait_are_refused():
    async with lanes(waiting_max=1) as workers:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(workers.ask(("sleep", 0.2))) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await workers.ask(("say", 1))
        assert len(asked) == 2
        assert (await workers.ask(("say", 1)))[0] == "it says 1"


async def test_who_gives_up_takes_the_work_along():
    async with lanes() as workers:
        _, pid = await workers.ask(("say", 1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(workers.ask(("sleep", 60)), 0.2)
        assert (await workers.ask(("say", 2)))[1] != pid


async def test_a_worker_that_cannot_be_made_says_why():
    async with lanes("broken") as workers:
        with pytest.raises(ValueError, match="cannot be made"):
            await workers.ask(("say", 1))


async def test_who_gives_up_while_the_process_is_started_leaves_none_behind(monkeypatch, caplog):
    started, go_on = threading.Event(), threading.Event()
    begin, made = SpawnProcess.start, []

    def start(process):
        begin(process)
        made.append(process)
        started.set()
        assert go_on.wait(30)

    monkeypatch.setattr(SpawnProcess, "start", start)
    async with lanes() as workers, asyncio.TaskGroup() as group:
        asking = group.create_task(workers.ask(("say", 1)))
        await asyncio.to_thread(started.wait)
        asking.cancel()
        await asyncio.wait([asking])
        go_on.set()
        assert asking.cancelled()
        assert (await workers.ask(("say", 2)))[0] == "it says 2"
        assert [process.is_alive() for process in made] == [False, True]
    del asking
    gc.collect()
    assert not caplog.records


async def test_a_process_that_ended_while_it_was_idle_is_replaced_unseen():
    async with lanes() as workers:
        _, pid = await workers.ask(("say", 1))
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert (await workers.ask(("say", 2)))[1] != pid


@pytest.mark.parametrize(("given", "seconds"), [("dead", 60), ("slow", 0.2)])
async def test_a_process_that_cannot_be_had_is_no_fault_of_the_question(given, seconds):
    async with lanes(given, start_seconds_max=seconds) as workers:
        with pytest.raises(Unavailable, match="no process can be started"):
            await workers.ask(("say", 1))


async def test_work_that_needs_too_much_memory_costs_its_process_alone():
    async with lanes() as workers:
        _, pid = await workers.ask(("say", 1))
        with pytest.raises(MemoryError):
            await workers.ask(("take", 2 << 30))
        assert (await workers.ask(("say", 2)))[1] != pid


async def test_who_has_his_turn_keeps_it_until_he_leaves():
    async with lanes() as workers:
        async with asyncio.TaskGroup() as group, workers.turn() as ask:
            other = group.create_task(workers.ask(("say", 2)))
            assert (await ask(("say", 1)))[0] == "it says 1"
            assert not other.done()
        assert other.result()[0] == "it says 2"


async def test_a_process_that_nobody_asks_is_ended_and_the_next_question_gets_another():
    async with lanes(idle_seconds_max=0.1) as workers:
        _, pid = await workers.ask(("say", 1))
        await gone(pid)
        answer, other = await workers.ask(("say", 2))
    assert answer == "it says 2"
    assert other != pid


async def test_a_process_that_works_is_not_idle():
    async with lanes(idle_seconds_max=0.2) as workers:
        _, pid = await workers.ask(("say", 1))
        await workers.ask(("sleep", 0.6))
        async with workers.turn() as ask:
            await asyncio.sleep(0.6)
            assert (await ask(("say", 2)))[1] == pid


async def test_a_process_is_idle_from_its_last_question_on(monkeypatch):
    later = []
    loop = asyncio.get_running_loop()
    async with lanes(idle_seconds_max=3600) as workers:
        _, pid = await workers.ask(("say", 1))
        monkeypatch.setattr(loop, "call_later", recorded(loop.call_later, later))
        assert (await workers.ask(("say", 2)))[1] == pid
        leaves = [handle for seconds, handle in later if seconds == 3600]
        assert [handle.cancelled() for handle in leaves] == [False]
    assert leaves[0].cancelled()


async def test_after_the_end_nothing_is_asked():
    async with lanes() as workers:
        pass
    with pytest.raises(Unavailable):
        await workers.ask(("say", 1))


async def test_no_process_is_started_before_it_is_needed():
    async with lanes() as workers:
        assert not any(lane.is_alive() for lane in workers._lanes)


async def test_closing_ends_the_processes():
    async with lanes() as workers:
        await workers.ask(("say", 1))
        process = workers._lanes[0]._process
    assert not process.is_alive()
