"""The connection that a worker listens and claims on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.errors import FailingListenerError

from gateway.errors import Unavailable
from gateway.store.jobs import hold_worker_lock, queue_on
from gateway.store.pool import APP_ROLE, LOST, RETRY_SECONDS, SESSION, UNREACHABLE

__all__ = ["open_queue", "translated"]


@asynccontextmanager
async def open_queue(
    dsn: str, *, on_lost: Callable[[], None]
) -> AsyncIterator[tuple[Queries, Callable[[UUID], Awaitable[None]]]]:
    """Open the queue for one worker; *on_lost* is called when its connection ends.

    Yields the queue and a function that holds the lock of the worker with a given id.
    Raises Unavailable when there is no server.
    """
    settings = {**SESSION, "role": APP_ROLE, "application_name": "peppol-gateway worker"}
    async with translated():
        connection = await asyncpg.connect(dsn, server_settings=settings, command_timeout=60)
    connection.add_termination_listener(lambda _: on_lost())

    async def hold(worker: UUID) -> None:
        await hold_worker_lock(connection, worker)

    try:
        yield queue_on(connection), hold
    finally:
        # Closing also lets the worker's lock go.
        await _close(connection)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raise Unavailable for all that says the queue's connection is gone."""
    try:
        yield
    except (*UNREACHABLE, *LOST, asyncpg.InterfaceError, FailingListenerError) as exc:
        raise Unavailable(f"the queue went away: {exc}", RETRY_SECONDS) from exc


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=5)
    except (*UNREACHABLE, *LOST, asyncpg.InterfaceError):
        connection.terminate()
