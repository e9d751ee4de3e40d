"""Several processes on the same ports: forked, watched, restarted, and stopped together.

The supervisor starts the database, forks, and from then on only waits: it has no event loop, no
pool and no thread at the moment it forks. Each child binds the same ports (SO_REUSEPORT) and runs
a whole gateway; it holds the reading end of a pipe that closes when the supervisor dies, so that no
child outlives it. A child that dies is replaced, but not for ever; a database that dies is started
again, however often.
"""

import asyncio
import gc
import logging
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from gateway.app.parts import make_clock
from gateway.app.process import Listeners, run_gateway
from gateway.app.running import (
    Addresses,
    addresses_of,
    look_on_hangup,
    on_terminal,
    run_loop,
    stop_on_signals,
)
from gateway.app.startup import bind, prepare
from gateway.settings import Settings
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.keeping import LOOK_SECONDS, Keeper

RESTARTS_MAX = 5  # LIMIT: within RESTARTS_SECONDS; more means that it cannot work.
RESTARTS_SECONDS = 60.0
RESTART_PAUSE_SECONDS = 0.5  # LIMIT: between a death and the next fork.
READY_SECONDS_MAX = 120.0  # LIMIT: a child that is not ready by then has failed.
STOP_SECONDS_MAX = 60.0  # LIMIT: children bound their own end; this is for one that hangs.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_LOG = logging.getLogger(__name__)

__all__ = ["Supervisor"]


@dataclass(frozen=True, slots=True)
class _Child:
    """A forked gateway; *ready* is the pipe on which it says that it listens."""

    pid: int
    ready: int


class Supervisor:
    """Runs `settings.processes` gateways and, unless the settings name one, their database."""

    def __init__(self, settings: Settings, on_ready: Callable[[Addresses], None]) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._children: dict[int, _Child] = {}
        self._deaths: deque[float] = deque(maxlen=RESTARTS_MAX)
        self._lifeline: tuple[int, int] = os.pipe()
        self._listen = ("", "")
        self._dsn = ""
        self._keeper: Keeper | None = None

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return 0 after a good end, 1 if it could not go on.

        Raises what `gateway.app.startup` and the embedded server raise at the start.
        """
        settings = self._settings
        for address in (settings.public_listen, settings.api_listen):
            # Sharing a port is for our own children; with another gateway it is a mistake.
            bind(address, shared=False).close()
        # Bound but not listening, these keep the ports for the children and know port 0's number.
        with (
            bind(settings.public_listen, shared=True) as public,
            bind(settings.api_listen, shared=True) as api,
        ):
            self._listen = _host_and_port(public.getsockname()), _host_and_port(api.getsockname())
            server = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
            # Until we only wait, SIGTERM ends what is under way as Ctrl-C does: in order.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                self._dsn = asyncio.run(server.start()) if server else settings.database_url or ""
                self._keeper = Keeper(server) if server else None
                asyncio.run(prepare(settings, self._dsn, make_clock(settings)))
                return self._supervise(addresses_of(settings, public, api))
            finally:
                if server is not None:
                    asyncio.run(server.stop())

    def _supervise(self, addresses: Addresses) -> int:
        gc.collect()
        # What is there now is shared with the children and never looked at again.
        gc.freeze()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            for _ in range(self._settings.processes):
                self._fork()
            if not all(map(self._wait_ready, list(self._children.values()))):
                _LOG.error("a process did not come up")
                return 1
            self._on_ready(addresses)
            return self._watch()
        finally:
            self._stop_children()

    def _watch(self) -> int:
        """Replace children that die, until a signal asks to stop."""
        while True:
            number = self._next_signal()
            if number is signal.SIGHUP and not on_terminal():
                self._tell_children(number)
                continue
            if number is not signal.SIGCHLD:
                return 0
            for pid, status in self._reap():
                _LOG.error("a process died", extra={"pid": pid, "status": status})
                if not self._may_restart():
                    _LOG.error("processes die again and again: giving up")
                    return 1
                time.sleep(RESTART_PAUSE_SECONDS)
                self._fork()

    def _next_signal(self) -> signal.Signals:
        """Wait for a signal, and look after the database meanwhile if it is ours."""
        if self._keeper is None:
            return signal.Signals(signal.sigwait(_SIGNALS))
        pause = LOOK_SECONDS
        while (caught := signal.sigtimedwait(_SIGNALS, pause)) is None:
            up = self._keeper.is_up()
            pause = LOOK_SECONDS if up else asyncio.run(self._keeper.revive())
        return signal.Signals(caught.si_signo)

    def _tell_children(self, number: signal.Signals) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _may_restart(self) -> bool:
        """Note a death, and say whether there were not too many of late."""
        now = time.monotonic()
        often = len(self._deaths) == RESTARTS_MAX and now - self._deaths[0] < RESTARTS_SECONDS
        self._deaths.append(now)
        return not often

    def _fork(self) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.close(self._lifeline[1])
            self._be_child(writing)
        os.close(writing)
        self._children[pid] = _Child(pid, reading)

    def _be_child(self, ready: int) -> NoReturn:
        """Be a gateway in this forked process, and end with it."""
        code = 1
        try:
            # Until the loop listens for it, it has nothing to look at again.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for sibling in self._children.values():
                os.close(sibling.ready)
            run_loop(self._serve(ready))
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may run on into the parent's code
            _LOG.exception("the process ends")
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    async def _serve(self, ready: int) -> None:
        stop = stop_on_signals()
        look = look_on_hangup(stop)
        asyncio.get_running_loop().add_reader(self._lifeline[0], stop.set)
        public, api = (bind(address, shared=True) for address in self._listen)
        with public, api:
            await run_gateway(
                self._settings,
                self._dsn,
                Listeners(public, api),
                stop,
                lambda: _say_ready(ready),
                look,
            )

    def _wait_ready(self, child: _Child) -> bool:
        """Wait until *child* says that it listens; False when it ends without."""
        readable, _, _ = select.select([child.ready], [], [], READY_SECONDS_MAX)
        return bool(readable) and os.read(child.ready, 1) == b"+"

    def _reap(self) -> list[tuple[int, int]]:
        """Return the children that have ended, with their exit status; they are forgotten.

        Ours alone are asked for: the database server is a child too.
        """
        ended = []
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                os.close(child.ready)
                del self._children[pid]
                ended.append((pid, os.waitstatus_to_exitcode(status)))
        return ended

    def _stop_children(self) -> None:
        """Ask every child to end, wait for it, and end it hard if it hangs."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for child in self._children.values():
            os.kill(child.pid, signal.SIGTERM)
        while self._children and time.monotonic() < deadline:
            self._reap()
            if self._children:
                signal.sigtimedwait([signal.SIGCHLD], 0.2)
        for child in self._children.values():
            _LOG.error("a process hangs and is killed", extra={"pid": child.pid})
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)


def _say_ready(pipe: int) -> None:
    os.write(pipe, b"+")
    os.close(pipe)


def _host_and_port(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
