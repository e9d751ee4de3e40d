"""Locks that one process holds while it works outside of any transaction.

A session of its own holds them all, so a process that dies lets go of them at once.  Losing the
session loses the locks: they keep two workers from doing the same work, and what must never happen
twice is guarded by the rows themselves.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from gateway.batches import Batcher
from gateway.errors import Unavailable
from gateway.store.pool import APP_ROLE, LOST, RETRY_SECONDS, SESSION, UNREACHABLE

__all__ = ["Locks"]


TAKE = "SELECT pg_try_advisory_lock(key) FROM unnest($1::bigint[]) AS t (key)"
LET_GO = "SELECT pg_advisory_unlock(key) FROM unnest($1::bigint[]) AS t (key)"

BATCH_MAX = 64  # LIMIT: locks that one statement takes or gives back.


class Locks:
    """The locks of this process; the session is opened at the first one.

    Those that are asked for at the same time are taken together.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._session: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self._held: set[UUID] = set()
        self._takes = Batcher[UUID, bool](self._take, batch_max=BATCH_MAX)
        self._returns = Batcher[UUID, bool](self._return, batch_max=BATCH_MAX)

    @asynccontextmanager
    async def hold(self, name: UUID) -> AsyncIterator[bool]:
        """Hold the lock *name* inside the block; False when somebody else holds it.

        Raises Unavailable when there is no server.
        """
        if name in self._held:
            # The server would grant it: to the server, all of this process is one session.
            yield False
            return
        self._held.add(name)
        try:
            taken = await self._takes.ask(name)
            try:
                yield taken
            finally:
                if taken:
                    await self._let_go(name)
        finally:
            self._held.discard(name)

    async def close(self) -> None:
        """Let go of everything."""
        session, self._session = self._session, None
        if session is not None and not session.is_closed():
            await session.close(timeout=5)

    async def _take(self, names: Sequence[UUID]) -> list[bool]:
        return await self._ask(TAKE, names)

    async def _return(self, names: Sequence[UUID]) -> list[bool]:
        return await self._ask(LET_GO, names)

    async def _ask(self, query: str, names: Sequence[UUID]) -> list[bool]:
        async with self._turn:
            try:
                if self._session is None or self._session.is_closed():
                    settings = {**SESSION, "role": APP_ROLE, "application_name": "gateway locks"}
                    self._session = await asyncpg.connect(
                        self._dsn, server_settings=settings, command_timeout=30
                    )
                rows = await self._session.fetch(query, [_key(name) for name in names])
            except (*UNREACHABLE, *LOST, asyncpg.InterfaceError) as exc:
                raise Unavailable(f"no lock: {exc}", RETRY_SECONDS) from exc
        return [row[0] for row in rows]

    async def _let_go(self, name: UUID) -> None:
        """Give the lock back; if that cannot be said, end the session, which says it too."""
        try:
            await asyncio.shield(self._returns.ask(name))
        except Unavailable:
            session, self._session = self._session, None
            if session is not None:
                session.terminate()


def _key(name: UUID) -> int:
    """Return the number under which the server knows *name*."""
    digest = hashlib.sha256(b"gateway.document" + name.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
