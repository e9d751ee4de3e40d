"""Processes beside ours for work that would hold up the event loop, bounded in time and number.

A lane is one process that answers one question after the other.  It is started when it is first
needed, as a fresh interpreter (spawn), and imports what its function's module imports, no more.
A question that takes too long costs its lane the life: the next one gets a new process.  One that
nobody asks for a while is ended, and what it had in memory goes back to the machine.
"""

import asyncio
import multiprocessing
import resource
import signal
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Final, Self

from gateway.errors import Unavailable

STOP_SECONDS_MAX: Final = 2.0  # LIMIT: how long a process that was killed may take to end.
IDLE_SECONDS_MAX: Final = 120.0
"""LIMIT: how long a process stays that nobody asks.  It holds 80 to 170 MiB, after a large document
up to its bound, and a new one is there in a second or two."""

_RETRY_SECONDS: Final = 10.0

Answer = Callable[[Any], Any]
Ask = Callable[[Any], Awaitable[Any]]


class TookTooLong(Exception):  # noqa: N818 - it says what happened
    """The work took longer than it may, and its process was ended."""


class ProcessEnded(Exception):  # noqa: N818 - it says what happened
    """The process ended in the middle of the work: it was killed, or ran out of memory."""


class Lanes:
    """At most *count* processes; of more questions, *waiting_max* wait and the rest are refused.

    *make*, a function of a module, is called once in each process with *given*; what it returns is
    called with each question, and its result, or the exception it raises, is the answer.  A process
    that needs more than *memory_bytes_max* raises MemoryError, and the next question gets another.
    One that was not asked for *idle_seconds_max* is ended.
    """

    def __init__(  # noqa: PLR0913 - bounds, each by its name
        self,
        make: Callable[[Any], Answer],
        given: Any,
        *,
        count: int,
        seconds_max: float,
        start_seconds_max: float,
        waiting_max: int,
        memory_bytes_max: int,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
    ) -> None:
        self._given = (make, given, memory_bytes_max)
        self._idle_seconds_max = idle_seconds_max
        self._seconds_max = seconds_max
        self._start_seconds_max = start_seconds_max
        self._waiting_left = count + waiting_max
        self._is_closed = False
        self._idle: asyncio.LifoQueue[_Lane] = asyncio.LifoQueue()
        # Threads that only wait; the loop's own are few, and others need them.
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="lane")
        self._lanes = [_Lane() for _ in range(count)]
        for lane in self._lanes:
            self._idle.put_nowait(lane)

    async def ask(self, question: Any) -> Any:
        """Return the answer to *question*.

        Raises Unavailable where too many wait or no process can be had, TookTooLong, ProcessEnded,
        or what the work raises.
        """
        async with self.turn() as ask:
            return await ask(question)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Ask]:
        """Wait for a process, and yield what asks it as `ask` does; raises Unavailable likewise.

        For who holds much in memory, and shall not while he waits.
        """
        if self._waiting_left == 0:
            raise Unavailable("too many documents wait for a process", _RETRY_SECONDS)
        self._waiting_left -= 1
        try:
            lane = await self._idle.get()
            lane.stay()
            try:
                yield partial(self._ask, lane)
            finally:
                lane.when_free(partial(self._rest, lane))
        finally:
            self._waiting_left += 1

    async def close(self) -> None:
        """End the processes; what they work on is lost."""
        self._is_closed = True
        for lane in self._lanes:
            lane.stay()
            lane.give_up()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._threads.shutdown()
        for lane in self._lanes:
            lane.stop()

    def _rest(self, lane: "_Lane") -> None:
        """Have *lane* wait for its next question, but not for ever."""
        if not self._is_closed:
            lane.leave_after(self._idle_seconds_max, self._threads)
        self._idle.put_nowait(lane)

    async def _ask(self, lane: "_Lane", question: Any) -> Any:
        if self._is_closed:
            raise Unavailable("the processes beside this one were ended", _RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        asking = lane.work(
            lambda: loop.run_in_executor(self._threads, self._ask_and_wait, lane, question)
        )
        try:
            good, answer = await asyncio.shield(asking)
        except asyncio.CancelledError:
            lane.give_up()
            raise
        if not good:
            raise answer
        return answer

    def _ask_and_wait(self, lane: "_Lane", question: Any) -> tuple[bool, Any]:
        """Do in a thread what waits: start the process if there is none, ask it, and listen."""
        try:
            # One that ended while it was idle has not seen the question: another may.
            if not (lane.is_alive() and lane.send(question)):
                lane.start(self._given, self._start_seconds_max)
                lane.send(question)
            good, answer = lane.receive(self._seconds_max)
            if isinstance(answer, MemoryError):
                lane.stop()  # what is left of the work would be in the way of the next
        except BaseException:
            lane.stop()
            raise
        return good, answer


class _Lane:
    """One process and our end of the pipe to it.

    A thread starts, asks and stops it, one at a time; the event loop gives it up, at any moment.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._killed: list[SpawnProcess] = []
        self._pipe: Connection | None = None
        self._asking: asyncio.Future[Any] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._is_given_up = False

    def work(self, begin: Callable[[], asyncio.Future[Any]]) -> asyncio.Future[Any]:
        """Note what *begin* has a thread do here, and return it."""
        self._is_given_up = False
        self._asking = begin()
        self._asking.add_done_callback(_retrieve)
        return self._asking

    def when_free(self, act: Callable[[], None]) -> None:
        """Call *act* as soon as no thread works here."""
        if self._asking is None or self._asking.done():
            act()
        else:
            self._asking.add_done_callback(lambda _: act())

    def leave_after(self, seconds: float, threads: ThreadPoolExecutor) -> None:
        """End the process when *seconds* have passed without a `stay`; *threads* see it off."""
        loop = asyncio.get_running_loop()

        def leave() -> None:
            self.give_up()
            loop.run_in_executor(threads, self.reap)

        self._leaving = loop.call_later(seconds, leave)

    def stay(self) -> None:
        """Do not leave, whatever was said before."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def give_up(self) -> None:
        """Kill the process, also one that is just being started; the thread sees it, and ends."""
        with self._lock:
            self._is_given_up = True
            self._kill()

    def stop(self) -> None:
        """Kill the process, and wait for its end."""
        with self._lock:
            self._kill()
        self.reap()

    def reap(self) -> None:
        """Wait for the end of what was killed, while another process may already be started."""
        with self._lock:
            killed, self._killed = self._killed, []
        for process in killed:
            process.join(STOP_SECONDS_MAX)

    def is_alive(self) -> bool:
        """Say whether there is a process."""
        process = self._process
        return process is not None and process.is_alive()

    def start(self, given: tuple[Callable[[Any], Answer], Any, int], seconds_max: float) -> None:
        """Start a process; raises Unavailable if there is none in time, or what it raises."""
        self.stop()
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        process = spawn.Process(target=_work, args=(theirs, *given), daemon=True)
        try:
            process.start()
            theirs.close()
            with self._lock:
                self._process = process
                if self._is_given_up:
                    self._kill()
            good, error = self.receive(seconds_max)
        except (OSError, TookTooLong, ProcessEnded) as cause:
            raise Unavailable(f"no process can be started: {cause}", _RETRY_SECONDS) from cause
        if not good:
            raise error

    def send(self, question: Any) -> bool:
        """Ask *question*; False when the process is not there any more."""
        assert self._pipe is not None
        try:
            self._pipe.send(question)
        except OSError:
            return False
        return True

    def receive(self, seconds_max: float) -> tuple[bool, Any]:
        assert self._pipe is not None
        try:
            if not self._pipe.poll(seconds_max):
                raise TookTooLong(f"the work took longer than {seconds_max:g} seconds")
            answer: tuple[bool, Any] = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise ProcessEnded("the process ended in the middle of the work") from error
        return answer

    def _kill(self) -> None:
        """Kill the process, with the lock held."""
        if self._process is not None:
            self._process.kill()
            self._killed.append(self._process)
            self._process = None


def _retrieve(asking: asyncio.Future[Any]) -> None:
    """Look at how it ended: perhaps nobody waits for it any more."""
    if not asking.cancelled():
        asking.exception()


def _work(
    pipe: Connection, make: Callable[[Any], Answer], given: Any, memory_bytes_max: int
) -> None:
    """Answer questions in the new process until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that asks
    # What is written to, not what is reserved: some libraries reserve more than any machine has.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes_max, memory_bytes_max))
    try:
        answer = make(given)
    except Exception as error:  # noqa: BLE001 - it is handed to who asked
        pipe.send((False, error))
        return
    pipe.send((True, None))
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        try:
            result = (True, answer(question))
        except Exception as error:  # noqa: BLE001 - it is handed to who asked
            error.add_note(f"in a process of its own:\n{traceback.format_exc()}")
            result = (False, error)
        pipe.send(result)


class InLanes:
    """Who works in *lanes* of its own: an async context manager that ends their processes."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the processes; what they work on is lost."""
        await self._lanes.close()
