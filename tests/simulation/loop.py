"""An event loop whose time is a number: it jumps to the next timer when nothing else is to be done.

Nothing in it waits for the machine.  What a thread would do is done at once; a connection to the
database (`tests.simulation.wire`) is asked one question at a time, in an order drawn from the seed,
while time stands still.  So a run depends on its seed alone.

Everything that happens belongs to a `Life` or to none.  A life that ends takes its tasks with it
between one callback and the next, as SIGKILL would: nothing of it runs again, not even `finally`.
"""

import asyncio
import heapq
import itertools
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field

from tests.simulation.wire import Wires

STEPS_MAX = 500_000
"""A schedule that takes more never comes to rest."""

LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)


@dataclass(eq=False)
class Life:
    """One run of a program, from its start until it is killed: its steps, and its connections."""

    name: str
    dies_after: int | None = None
    steps: int = 0
    dead: bool = False
    transports: list = field(default_factory=list)
    busy: set = field(default_factory=set)
    """Those of its transports on which a transaction is open."""
    node: object = None
    end: asyncio.Future | None = None
    buried: list = field(default_factory=list)
    """What the dead hold is kept until the schedule is over, so that nothing of it is closed."""


class OrderedTask(asyncio.Task):
    """A task whose place in a set depends on when it was made, not on where it lies in memory."""

    numbers = itertools.count()

    def __init__(self, *args, **kwargs):
        self._number = next(OrderedTask.numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self):
        return self._number

    def __eq__(self, other):
        return self is other


class AtRest(Exception):  # noqa: N818 - it is no error of the loop's
    """Nothing is left to be done, and no timer runs: whoever waits will wait for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; *dice* draws the order in which databases are asked.

    *sessions* are those of their server.
    """

    def __init__(self, dice, sessions):
        self._now = 0.0
        super().__init__()
        self.steps = 0
        self.wires = Wires(self, dice, sessions)
        self.sockets = None
        self.on_death = lambda life: None
        OrderedTask.numbers = itertools.count()
        self.set_task_factory(_ordered_task)

    def time(self):
        return self._now

    def kill(self, life):
        """End *life*: none of its callbacks runs from now on, and its connections are cut."""
        if life.dead:
            return
        life.dead = True
        self.wires.cut(life.transports)
        if life.end is not None:
            life.end.set_result(None)
        self.on_death(life)

    def run_in_executor(self, executor, func, *args):
        """Do at once what a thread would do; the answer comes with the next step."""
        answer = self.create_future()
        try:
            given, error = func(*args), None
        except Exception as exc:  # noqa: BLE001 - it is raised where it was asked for
            given, error = None, exc
        self.call_soon(_answer, answer, given, error)
        return answer

    def forget(self):
        """Drop everything that still waits, unheard, and close the loop."""
        self.set_exception_handler(lambda loop, context: None)
        for task in sorted(asyncio.all_tasks(self), key=hash):
            task._log_destroy_pending = False
            with suppress(BaseException):
                # Whatever its `finally` does, it does to a loop that does nothing any more.
                task.get_coro().close()
        self._ready.clear()
        self._scheduled.clear()
        self.close()

    async def create_unix_connection(self, protocol_factory, path=None, **_):
        return self.wires.connect(protocol_factory, path, LIFE.get())

    async def getaddrinfo(self, host, port, **_):
        return await self.sockets.resolve(host, port)

    async def sock_connect(self, sock, address):
        await self.sockets.connect(sock, address)

    async def create_connection(self, protocol_factory, *_, sock, **__):
        return self.sockets.open(protocol_factory, sock)

    def _run_once(self):
        if not self._ready and not self.wires.ask_one():
            self._go_on()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:
                self._run_handle(handle)

    def _run_handle(self, handle):
        life = handle._context.get(LIFE)
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise AtRest(f"no rest after {STEPS_MAX} steps")
        if life is None:
            handle._run()
            return
        if life.dead:
            life.buried.append(handle)
            return
        handle._run()
        life.steps += 1
        if life.dies_after is not None and life.steps >= life.dies_after:
            self.kill(life)

    def _go_on(self):
        """Jump to the next timer of somebody who lives, and make all that are due then ready."""
        self._drop_idle_timers()
        if not self._scheduled:
            raise AtRest("everybody waits for something that will not come")
        self._now = max(self._now, self._scheduled[0]._when)
        while self._scheduled and self._scheduled[0]._when <= self._now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)

    def _drop_idle_timers(self):
        while self._scheduled:
            first = self._scheduled[0]
            life = first._context.get(LIFE)
            if first._cancelled:
                self._timer_cancelled_count -= 1
            elif life is None or not life.dead:
                return
            else:
                life.buried.append(first)
            heapq.heappop(self._scheduled)
            first._scheduled = False


def begin(life):
    """Return a context in which all that is done belongs to *life*; None: to nobody."""
    context = copy_context()
    context.run(LIFE.set, life)
    return context


def _ordered_task(loop, coroutine, context=None):
    return OrderedTask(coroutine, loop=loop, context=context)


def _answer(future, given, error):
    if future.done():
        return
    if error is None:
        future.set_result(given)
    else:
        future.set_exception(error)
