"""The webhooks of all dossiers: events become deliveries, deliveries are sent, old ones forgotten.

Endpoints take turns, of some deliveries and some seconds.  A slow endpoint holds up itself; one
machine, one dossier, and all endpoints that fail or are slow have a part of the places each, so
that none of them takes the others' turn.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.store.locks import Locks
from gateway.store.pool import Database
from gateway.store.webhooks.deliveries import PRUNE_MAX, prune_deleted, prune_deliveries
from gateway.store.webhooks.reading import DueEndpoint, find_due_endpoints
from gateway.telemetry import Sparingly
from gateway.webhooks.bugs import log_bug
from gateway.webhooks.horizon import HorizonWatch
from gateway.webhooks.relay import Relay
from gateway.webhooks.sending import TURN_SECONDS, Notifier, Sender

__all__ = ["Dispatcher"]

TURNS_MAX: Final = 32  # LIMIT: endpoints that are sent to at a time.
TURNS_FAILING_MAX: Final = 16  # LIMIT: of these, endpoints that fail or are slow.
TURNS_PER_HOST_MAX: Final = 8  # LIMIT: of these, endpoints of one machine.
TURNS_PER_DOSSIER_MAX: Final = 4  # LIMIT: of these, endpoints of one dossier.
CANDIDATES_MAX: Final = 1_000  # LIMIT: endpoints that are due and looked at in one go.
POLL_SECONDS: Final = 1.0
"""How long something that is due may wait until it is seen."""
REST_SECONDS: Final = 60.0
"""LIMIT: how long an endpoint is left alone after an error of our own."""
SLOW_SECONDS: Final = 300.0
"""How long an endpoint that used up the time of a turn counts as slow."""
PRUNE_SECONDS: Final = 600.0
WATCH_SECONDS: Final = 5.0

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class Dispatcher:
    """Runs the webhooks in this process; others on the same database may do so too.

    Deliveries that ended are forgotten after *keep*; *timeout_seconds* bounds each attempt.
    """

    def __init__(
        self,
        db: Database,
        locks: Locks,
        clock: Clock,
        notifier: Notifier,
        *,
        timeout_seconds: float,
        keep: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keep = keep
        self._relay = Relay(db, locks, clock)
        self._horizon = HorizonWatch(db, clock)
        self._sender = Sender(db, locks, clock, notifier, timeout_seconds=timeout_seconds)
        self._under_way: dict[UUID, DueEndpoint] = {}
        self._turns: OrderedDict[UUID, float] = OrderedDict()
        self._slow_until: OrderedDict[UUID, float] = OrderedDict()
        self._resting: dict[UUID, float] = {}
        self._look = asyncio.Event()
        self._away = Sparingly(clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop* is set, then let the attempts under way end; outlive the database."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._read, POLL_SECONDS, stop))
            group.create_task(self._repeat(self._prune, PRUNE_SECONDS, stop))
            group.create_task(self._repeat(self._watch, WATCH_SECONDS, stop))
            while not stop.is_set():
                self._look.clear()
                for each in await self._try(self._choose) or ():
                    self._under_way[each.ref.id] = each
                    group.create_task(self._take_turn(each, stop))
                await _first_of(stop, self._look, seconds=POLL_SECONDS)

    async def _read(self) -> bool:
        """Read what is new; return whether there may be more."""
        found = await self._relay.run_once()
        if found:
            self._look.set()
        return found

    async def _prune(self) -> bool:
        """Forget what is old; return whether there may be more."""
        before = self._clock.now() - self._keep
        async with self._db.exchange_statements() as xtx:
            gone = await prune_deleted(xtx)
            return await prune_deliveries(xtx, before=before) == PRUNE_MAX or gone > 0

    async def _watch(self) -> bool:
        """Look whether the feeds stand still."""
        await self._horizon.look()
        return False

    async def _choose(self) -> list[DueEndpoint]:
        """Return who has a turn now: those that are due, whoever waits for longest first."""
        free = TURNS_MAX - len(self._under_way)
        if free == 0:
            return []
        now = self._clock.monotonic()
        self._resting = {each: until for each, until in self._resting.items() if until > now}
        async with self._db.exchange_statements() as xtx:
            found = await find_due_endpoints(
                xtx,
                now=self._clock.now(),
                without=[*self._under_way, *self._resting],
                limit=CANDIDATES_MAX,
            )
        found = [
            replace(
                each, is_failing=each.is_failing or self._slow_until.get(each.ref.id, now) > now
            )
            for each in found
        ]
        found.sort(key=lambda each: self._turns.get(each.ref.id, 0.0))
        return _within_shares(list(self._under_way.values()), found, free)

    async def _take_turn(self, due: DueEndpoint, stop: asyncio.Event) -> None:
        begun = self._clock.monotonic()
        _note(self._turns, due.ref.id, begun)
        sent = 0
        try:
            sent = await self._sender.take_turn(due.ref, stop)
            if self._clock.monotonic() - begun >= TURN_SECONDS:
                _note(self._slow_until, due.ref.id, self._clock.monotonic() + SLOW_SECONDS)
        except Unavailable as outage:
            _LOG.warning("a webhook waits for the database: %s", outage.detail)
            self._resting[due.ref.id] = self._clock.monotonic() + POLL_SECONDS
        except Exception as exc:  # noqa: BLE001 - a bug about one endpoint must not stop the others
            self._resting[due.ref.id] = self._clock.monotonic() + REST_SECONDS
            log_bug(exc, due.ref)
        finally:
            del self._under_way[due.ref.id]
            if sent:
                self._look.set()

    async def _repeat(
        self, work: Callable[[], Awaitable[bool]], seconds: float, stop: asyncio.Event
    ) -> None:
        """Do *work* every so many *seconds*, and again at once as long as it says so."""
        while not stop.is_set():
            if not await self._try(work):
                await _first_of(stop, seconds=seconds)

    async def _try(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Return what *work* does, or None after an error."""
        try:
            return await work()
        except Unavailable as outage:
            if self._away.is_due():
                _LOG.warning("webhooks wait for the database: %s", outage.detail)
        except Exception as exc:  # noqa: BLE001 - the loop outlives any bug, as the worker does
            log_bug(exc)
        return None


def _note(noted: OrderedDict[UUID, float], endpoint_id: UUID, at: float) -> None:
    noted[endpoint_id] = at
    noted.move_to_end(endpoint_id)
    while len(noted) > CANDIDATES_MAX:
        noted.popitem(last=False)


def _within_shares(
    under_way: Sequence[DueEndpoint], found: Sequence[DueEndpoint], free: int
) -> list[DueEndpoint]:
    """Return up to *free* of *found*, in their order, as far as shares allow."""
    used = Counter(share for each in under_way for share, _ in _shares(each))
    chosen: list[DueEndpoint] = []
    for each in found:
        shares = _shares(each)
        if len(chosen) < free and all(used[share] < most for share, most in shares):
            used.update(share for share, _ in shares)
            chosen.append(each)
    return chosen


def _shares(due: DueEndpoint) -> list[tuple[object, int]]:
    """Return what the endpoint takes a place of, and how many places there are."""
    shares: list[tuple[object, int]] = [
        (("host", urlsplit(due.url).hostname), TURNS_PER_HOST_MAX),
        (("dossier", due.ref.dossier_id), TURNS_PER_DOSSIER_MAX),
    ]
    if due.is_failing:
        shares.append(("failing", TURNS_FAILING_MAX))
    return shares


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of *events* is set, but not for longer than *seconds*."""
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(each.wait()) for each in events]
        with suppress(TimeoutError):
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
