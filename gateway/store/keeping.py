"""Keeps the embedded server up: one that died under a running gateway is started again.

It dies where the machine runs out of memory or its disk is full.  Nobody is acknowledged anything
meanwhile; whoever frees the disk finds everything at work again, and need not know of us.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from gateway.store.embedded import EmbeddedPostgres
from gateway.store.errors import CannotStartPostgres

__all__ = ["LOOK_SECONDS", "Keeper", "kept_up"]

LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the server is there."""
PAUSE_MAX_SECONDS: Final = 30.0
"""LIMIT: the pause between two starts that fail, doubled each time from LOOK_SECONDS on."""
WHY_MAX: Final = 300  # LIMIT: characters of the server's own words on a line of our log.
LOG_TAIL_BYTES: Final = 4096  # LIMIT: of its log, where it is looked why it ended.
_GRAVE: Final = re.compile(r"\b(FATAL|PANIC):")

_LOG = logging.getLogger(__name__)


class Keeper:
    """Starts *server* again when it has died; the log says so, and what keeps it from coming up."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._pause = 0.0

    def is_up(self) -> bool:
        """Say whether the server is there; one that is just starting is."""
        if self._server.has_died():
            return False
        if self._pause:
            _LOG.warning("the database runs again")
        self._pause = 0.0
        return True

    async def revive(self) -> float:
        """Start the server that has died; return the seconds until it is looked for again.

        Does not wait until it answers: after a crash that may take minutes.
        """
        _tell("the database died, and is started again", _last_words(self._server.log))
        self._pause = min(max(LOOK_SECONDS, 2 * self._pause), PAUSE_MAX_SECONDS)
        try:
            await self._server.revive()
        except (CannotStartPostgres, OSError) as error:
            _tell("the database cannot be started", str(error))
        return self._pause


def _tell(what: str, why: str) -> None:
    _LOG.error(what, extra={"code": "database-died", "why": why[-WHY_MAX:]})


def _last_words(log: Path) -> str:
    """Return the last line of *log* that says why the server ended, else its last line."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
        grave = [line for line in lines if _GRAVE.search(line)]
        return (grave or lines or [""])[-1]
    return ""


@asynccontextmanager
async def kept_up(server: EmbeddedPostgres) -> AsyncIterator[None]:
    """Start *server* again whenever it dies inside the block."""
    keeping = asyncio.create_task(_keep(Keeper(server)))  # noqa: TID251 - ends with the block
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(keeper: Keeper) -> None:
    pause = LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = LOOK_SECONDS if keeper.is_up() else await keeper.revive()
