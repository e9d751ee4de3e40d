"""Turns: a dossier has few requests at work at a time, a key few that hear or tell their client.

A client that sends or reads slowly keeps its request from work, so it holds up nobody but who
shares its key, and it must keep a pace.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

from gateway.clock import Clock
from gateway.errors import Fault, Kind

__all__ = ["BYTES_A_SECOND_MIN", "GRACE_SECONDS", "Pace", "Turn", "Turns"]

AT_ONCE: Final = 8  # LIMIT: requests of one dossier that a process works on at a time.
WITH_CLIENT: Final = 8  # LIMIT: requests of one key that are read or answered bit by bit.
WAITING_MAX: Final = 64  # LIMIT: requests that wait for a place of one of these kinds.

SILENT_SECONDS_MAX: Final = 20.0  # LIMIT: how long a client may send, or take, nothing.
GRACE_SECONDS: Final = 20.0
BYTES_A_SECOND_MIN: Final = 8 * 1024  # LIMIT: what it sends or takes on average, after that grace.
Got = TypeVar("Got")


@dataclass(slots=True)
class _Line:
    """The places of one dossier or key, and how many are taken or waited for."""

    places: asyncio.Semaphore
    waiting: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class _Lines:
    """A line for each dossier or key that has requests, with *places* in each."""

    places: int
    lines: dict[UUID, _Line] = field(default_factory=dict)

    async def enter(self, who: UUID) -> None:
        """Wait for a place of *who*; raises Fault (TOO_MANY) when too many wait already."""
        line = self.lines.setdefault(who, _Line(asyncio.Semaphore(self.places)))
        if line.waiting >= WAITING_MAX:
            detail = f"more than {WAITING_MAX} requests of this dossier wait for their turn"
            raise Fault(Kind.TOO_MANY, "too-many-at-once", detail, retry_after_seconds=1.0)
        line.waiting += 1
        try:
            await line.places.acquire()
            line.running += 1
        finally:
            line.waiting -= 1
            self._forget(who, line)

    def leave(self, who: UUID) -> None:
        """Give a place of *who* back."""
        line = self.lines[who]
        line.running -= 1
        line.places.release()
        self._forget(who, line)

    def _forget(self, who: UUID, line: _Line) -> None:
        if not line.waiting and not line.running:
            self.lines.pop(who, None)


class Turns:
    """The turns of all requests in one process."""

    def __init__(self) -> None:
        self.at_work = _Lines(AT_ONCE)
        self.with_client = _Lines(WITH_CLIENT)

    @asynccontextmanager
    async def take(self, dossier: UUID, key: UUID) -> AsyncIterator["Turn"]:
        """Wait for a place at work in *dossier*; yield the turn of a request that carries *key*.

        Raises Fault (TOO_MANY) when too many wait already.
        """
        turn = Turn(self, dossier, key)
        await turn.work()
        try:
            yield turn
        finally:
            turn.end()


class Turn:
    """The place of one request: at work, or with its client."""

    def __init__(self, turns: Turns, dossier: UUID, key: UUID) -> None:
        self._turns = turns
        self._dossier = dossier
        self._key = key
        self._place: tuple[_Lines, UUID] | None = None

    async def work(self) -> None:
        """Be at work: what the client sent is here.  Raises as `Turns.take`."""
        # It leaves its client's place last: what it holds in memory waits behind others there.
        await self._move((self._turns.at_work, self._dossier), leave_first=False)

    async def await_client(self) -> None:
        """Be with the client, who may be slow; others work meanwhile.  Raises as `Turns.take`."""
        await self._move((self._turns.with_client, self._key), leave_first=True)

    def end(self) -> None:
        """Give the place back."""
        place, self._place = self._place, None
        if place is not None:
            lines, who = place
            lines.leave(who)

    async def _move(self, to: tuple[_Lines, UUID], *, leave_first: bool) -> None:
        if self._place is not None and self._place[0] is to[0]:
            return
        if leave_first:
            self.end()
        lines, who = to
        await lines.enter(who)
        self.end()
        self._place = to


class Pace:
    """How fast one client sends or takes: what we do meanwhile does not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waited = 0.0
        self._bytes = 0

    async def hear(self, step: Awaitable[bytes]) -> bytes:
        """Return the bytes that the client sends in *step*.

        Raises TimeoutError when it is silent, or slower than BYTES_A_SECOND_MIN.
        """
        got = await self._keep(step)
        self._bytes += len(got)
        return got

    async def tell(self, step: Awaitable[object], size_bytes: int) -> None:
        """Let the client take *size_bytes* in *step*; raises as `hear`."""
        await self._keep(step)
        self._bytes += size_bytes

    async def _keep(self, step: Awaitable[Got]) -> Got:
        begun = self._clock.monotonic()
        left = GRACE_SECONDS + self._bytes / BYTES_A_SECOND_MIN - self._waited
        async with asyncio.timeout(min(SILENT_SECONDS_MAX, left)):
            got = await step
        self._waited += self._clock.monotonic() - begun
        return got
