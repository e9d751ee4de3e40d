"""Running one gateway process from its settings: loop, signals, database, listeners, farewell."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from socket import socket
from typing import Any, TypeVar

from gateway.app.parts import make_clock
from gateway.app.process import Listeners, run_gateway, run_worker
from gateway.app.startup import bind, prepare
from gateway.settings import Settings
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.keeping import kept_up

__all__ = ["Addresses", "addresses_of", "local_database", "run_loop", "serve_alone", "work_alone"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a gateway listens, as URLs of the bound sockets."""

    public: str
    api: str


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in an event loop of its own: uvloop's when it is installed."""
    factory = None
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - an optional dependency

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def stop_on_signals() -> asyncio.Event:
    """Return the event that SIGTERM and SIGINT set in the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def look_on_hangup(stop: asyncio.Event) -> asyncio.Event:
    """Return the event that SIGHUP sets in the running loop: replaced keys are taken up at once.

    On a terminal the signal says that it was closed, and sets *stop*.
    """
    look = asyncio.Event()
    event = stop if on_terminal() else look
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, event.set)
    return look


def on_terminal() -> bool:
    """Say whether a person started this process, and its terminal is still there to be closed."""
    try:
        return os.isatty(0)
    except OSError:
        return False


@asynccontextmanager
async def local_database(settings: Settings) -> AsyncIterator[str]:
    """Yield the DSN of the database: the one in the settings, or our own server's, kept up.

    Raises CannotStartPostgres.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.data_dir)
    dsn = await server.start()
    try:
        async with kept_up(server):
            yield dsn
    finally:
        await server.stop()


async def serve_alone(settings: Settings, on_ready: Callable[[Addresses], None]) -> None:
    """Run database and gateway in and under this process until a signal asks to stop."""
    stop = stop_on_signals()
    look = look_on_hangup(stop)
    public, api = (
        bind(address, shared=False) for address in (settings.public_listen, settings.api_listen)
    )
    with public, api:
        async with local_database(settings) as dsn:
            await prepare(settings, dsn, make_clock(settings))
            ready = addresses_of(settings, public, api)
            listeners = Listeners(public, api)
            await run_gateway(settings, dsn, listeners, stop, lambda: on_ready(ready), look)


async def work_alone(settings: Settings, on_ready: Callable[[], None]) -> None:
    """Run jobs alone, on the database of the settings, until a signal asks to stop."""
    stop = stop_on_signals()
    look = look_on_hangup(stop)
    async with local_database(settings) as dsn:
        await prepare(settings, dsn, make_clock(settings))
        await run_worker(settings, dsn, stop, on_ready, look)


def addresses_of(settings: Settings, public: socket, api: socket) -> Addresses:
    """Return the addresses that *public* and *api* are bound to."""
    scheme = "http" if settings.public_tls_certificate_file is None else "https"
    return Addresses(_url(scheme, public), _url("http", api))


def _url(scheme: str, bound: socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
