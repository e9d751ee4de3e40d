"""How much of the gateway a dossier may have: a rate, and its share when there is a crowd.

Each dossier has a bucket that fills steadily; a request takes one from it, and headers say how
much is left.  Few requests of a dossier are under way at a time (`turns.py`), so that others find
room.  What a dossier hands in faster than others is sent after theirs.  [RATELIMIT §3]
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.clock import Clock
from gateway.errors import Fault, Kind
from gateway.web.access import ACCESS, DOSSIER
from gateway.web.security import HEADERS
from gateway.web.streams import TURN
from gateway.web.turns import Turns

__all__ = ["RATES", "Allowance", "Rates", "rated"]

BUCKETS_MAX: Final = (
    20_000  # LIMIT: dossiers that are remembered; one that rests is as good as new.
)
WINDOW_SECONDS: Final = 60
CALM: Final = 16
"""Documents handed in within a window that are no flood, however few the others hand in."""
PRIORITY_MIN: Final = -20


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a dossier: *remaining* of *limit* requests, all of it after *seconds*."""

    limit: int
    remaining: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """Return what tells the caller so."""
        return {
            "RateLimit-Policy": f'"dossier";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"dossier";r={self.remaining};t={self.seconds}',
        }


@dataclass(slots=True)
class _Bucket:
    """What a dossier has left, as of *at*; and how many documents it handed in lately."""

    left: float
    at: float
    documents: float = 0.0


class Rates:
    """The shares of all dossiers in one process; *per_minute* requests each."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._limit = per_minute
        self._clock = clock
        self._buckets: OrderedDict[UUID, _Bucket] = OrderedDict()

    def take(self, who: UUID) -> Allowance:
        """Take one request from the bucket of *who*; raises Fault (TOO_MANY) when it is empty."""
        bucket = self._bucket(who)
        if bucket.left < 1:
            after = (1 - bucket.left) * WINDOW_SECONDS / self._limit
            detail = f"more than {self._limit} requests a minute; wait {math.ceil(after)} s"
            raise Fault(Kind.TOO_MANY, "rate-limited", detail, retry_after_seconds=after)
        bucket.left -= 1
        return self.left(who)

    def left(self, who: UUID) -> Allowance:
        """Return what is left to *who*."""
        bucket = self._bucket(who)
        missing = (self._limit - bucket.left) * WINDOW_SECONDS / self._limit
        return Allowance(self._limit, int(bucket.left), math.ceil(missing))

    def priority(self, who: UUID) -> int:
        """Note that *who* hands a document in; return its place: 0, or less the more it floods."""
        bucket = self._bucket(who)
        bucket.documents += 1
        if bucket.documents <= CALM:
            return 0
        return max(PRIORITY_MIN, -math.ceil(math.log2(bucket.documents / CALM)))

    def _bucket(self, who: UUID) -> _Bucket:
        now = self._clock.monotonic()
        bucket = self._buckets.pop(who, None) or _Bucket(self._limit, now)
        self._buckets[who] = bucket
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        passed = max(0.0, now - bucket.at)
        bucket.left = min(self._limit, bucket.left + passed * self._limit / WINDOW_SECONDS)
        bucket.documents = max(0.0, bucket.documents * (1 - passed / WINDOW_SECONDS))
        bucket.at = now
        return bucket


RATES: Final = web.AppKey("rates", Rates)


def rated(rates: Rates) -> Middleware:
    """Return the middleware that gives each dossier its share, and says how much is left."""
    turns = Turns()

    @web.middleware
    async def rate(request: web.Request, handler: Handler) -> web.StreamResponse:
        access = request.get(ACCESS)
        if access is None:
            return await handler(request)
        who = request.get(DOSSIER, access.key.id)
        try:
            rates.take(who)
        finally:  # who may ask no more is told so, too
            request[HEADERS].update(rates.left(who).headers())
        async with turns.take(who, access.key.id) as turn:
            request[TURN] = turn
            return await handler(request)

    return rate
