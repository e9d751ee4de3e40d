"""Failing the nth outside call: wrappers around what a use case reaches out to.

A `Fault` counts the calls that pass through it and breaks one of them, as a crash (nothing after
it runs) or as the world being down. `every_failure` runs a scenario again and again with another
call broken each time, until a run makes no call that could still be broken.
"""

from contextlib import asynccontextmanager
from dataclasses import dataclass

CALLS_MAX = 100


class Killed(BaseException):
    """The process is gone: nobody handles this but the test."""


@dataclass
class Fault:
    """Breaks call number *nth* with what *broken* makes; later calls pass."""

    nth: int
    broken: object
    calls: int = 0

    def pass_through(self, where):
        self.calls += 1
        if self.calls == self.nth:
            error = self.broken(where)
            if error is not None:
                raise error


class FaultyDatabase:
    """A database whose transactions break before, at, or after their commit."""

    def __init__(self, db, fault):
        self._db = db
        self._fault = fault

    @asynccontextmanager
    async def transaction(self, dossier_id):
        self._fault.pass_through("begin")
        async with self._db.transaction(dossier_id) as tx:
            yield tx
            self._fault.pass_through("commit")
        self._fault.pass_through("committed")


class FaultyFinder:
    """A look-up that breaks."""

    def __init__(self, finder, fault):
        self._finder = finder
        self._fault = fault

    async def lookup(self, *wanted, now, refresh=False):
        self._fault.pass_through("lookup")
        return await self._finder.lookup(*wanted, now=now, refresh=refresh)


class FaultyPoster:
    """A connection that breaks before the message is there, or before its answer is here."""

    def __init__(self, poster, fault):
        self._poster = poster
        self._fault = fault

    def check(self, url):
        self._poster.check(url)

    async def post(self, url, content_type, body):
        self._fault.pass_through("post")
        answer = await self._poster.post(url, content_type, body)
        self._fault.pass_through("answer")
        return answer


async def every_failure(scenario, broken):
    """Run *scenario* with call 1 broken, then 2, ... until a run completes untouched."""
    for nth in range(1, CALLS_MAX):
        fault = Fault(nth, broken)
        await scenario(fault)
        if fault.calls < nth:
            return nth - 1
    raise AssertionError("the scenario never ran clean")
