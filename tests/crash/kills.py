"""The ways in which a corner dies, each with SIGKILL: nobody has time for a last word."""

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import suppress

import psutil

from gateway.sandbox.network import Corner
from gateway.store.embedded import EmbeddedPostgres

READY_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.05


class Killer:
    """Kills, counts its kills by their kind, and sees that the corner works again."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.kills: Counter[str] = Counter()

    async def cut_power(self, corner: Corner) -> None:
        """Kill gateway and database, and start both."""
        self.kills["both"] += 1
        corner.kill()
        await self._restart(corner)

    async def kill_gateway(self, corner: Corner) -> None:
        """Kill the gateway and start it; its database lives on, as when a process dies."""
        self.kills["gateway"] += 1
        if corner.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(corner.process.pid, signal.SIGKILL)
        await self._restart(corner)

    async def kill_database(self, corner: Corner) -> None:
        """Kill a process of the database, which then recovers; the gateway lives on and waits."""
        self.kills["database"] += 1
        postmaster = EmbeddedPostgres(corner.folder / "data").postmaster()
        assert postmaster is not None, "the database runs as long as the gateway does"
        self._dice.choice(psutil.Process(postmaster).children()).kill()
        async with asyncio.timeout(READY_SECONDS_MAX), corner.client() as client:
            while not await client.ready():  # noqa: ASYNC110 - asked of a gateway
                await asyncio.sleep(PAUSE_SECONDS)

    async def _restart(self, corner: Corner) -> None:
        if corner.process is not None:
            await corner.process.wait()
        await asyncio.sleep(self._dice.uniform(0.0, 0.2))
        await corner.start()
