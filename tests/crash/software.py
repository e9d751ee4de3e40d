"""Software that works through the API alone while gateways die: one company in each corner.

Each sends to the other, so that whichever corner is killed, everything is under way in it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from gateway.errors import Fault
from gateway.sandbox.network import Network
from tests.crash.book import LATE_SECONDS_MAX, until_answered
from tests.crash.company import Company, open_company
from tests.crash.judgement import Verdict, judge, read
from ubl.identifiers import ParticipantId

IN_BLUE = ParticipantId.parse("0208:0403170701")
IN_RED = ParticipantId.parse("0208:0477472701")
PAUSE_SECONDS = 0.3


@dataclass(slots=True)
class Software:
    """The companies, and what was ever found wrong with what they were promised."""

    companies: tuple[Company, Company]
    wrong: dict[str, set[str]] = field(default_factory=dict)
    wanted: int = 0
    arrived: int = 0
    again: int = 0

    async def work(self, round_name: str, dice: random.Random) -> None:
        """Let both companies do a round's work."""
        async with asyncio.TaskGroup() as group:
            for company in self.companies:
                group.create_task(company.work(round_name, lambda: dice.uniform(0.0, 0.8)))

    async def settle(self, *, seconds: float = LATE_SECONDS_MAX) -> None:
        """Repeat the round's requests; then judge, once nothing is missing or time is over."""
        for company in self.companies:
            await company.repeat()
        ends = time.monotonic() + seconds
        verdicts = await self._judge()
        while any(each.lost for each in verdicts) and time.monotonic() < ends:
            await asyncio.sleep(PAUSE_SECONDS)
            verdicts = await self._judge()
        for name in ("lost", "doubled", "changed", "refused", "unstable"):
            found = {line for each in verdicts for line in getattr(each, name)}
            self.wrong.setdefault(name, set()).update(found)
        for name in ("wanted", "arrived", "again"):
            setattr(self, name, sum(getattr(each, name) for each in verdicts))

    def count(self, name: str) -> int:
        """Return how much was found *name*: lost, doubled, changed, refused, unstable."""
        return len(self.wrong.get(name, ()))

    def answered(self) -> Counter[str]:
        """Return how many 2xx each route gave."""
        return self.companies[0].book.answered + self.companies[1].book.answered

    async def _judge(self) -> list[Verdict]:
        try:
            shown = [await until_answered(read, company) for company in self.companies]
        except (Fault, TimeoutError) as problem:
            return [Verdict(lost=[f"nothing can be read: {problem!r}"])]
        pairs = zip(self.companies, shown, reversed(self.companies), reversed(shown), strict=True)
        return [
            judge(one.book, here, there, other.book, one.hooks.received)
            for one, here, other, there in pairs
        ]


@asynccontextmanager
async def open_software(network: Network) -> AsyncIterator[Software]:
    """Open both companies' books; inside the block they take what comes and follow the feed."""
    async with AsyncExitStack() as stack:
        blue = await stack.enter_async_context(open_company(network, network.blue, IN_BLUE, IN_RED))
        red = await stack.enter_async_context(open_company(network, network.red, IN_RED, IN_BLUE))
        async with asyncio.TaskGroup() as group:
            busy = [
                group.create_task(company.live(look))
                for company in (blue, red)
                for look in (company.take_inbox, company.follow_feed)
            ]
            try:
                yield Software((blue, red))
            finally:
                for task in busy:
                    task.cancel()
