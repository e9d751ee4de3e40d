"""Says in the log when a transaction holds the feeds of all dossiers up.

Pages of events and webhooks end before the oldest transaction that still writes: one that takes
long delays them all, and who asks the feed sees but that nothing comes.
"""

import logging
from typing import Final

from gateway.clock import Clock
from gateway.store.feed import find_horizon
from gateway.store.pool import Database
from gateway.telemetry import Sparingly

__all__ = ["HorizonWatch"]

STANDS_SECONDS: Final = 10.0
"""How long the feeds may stand still before the log says so."""
AGAIN_SECONDS: Final = 60.0
"""How often the log says it."""
_LOG = logging.getLogger(__name__)


class HorizonWatch:
    """Looks now and then how far the feeds may be read."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._place = -1
        self._since = 0.0
        self._told = Sparingly(clock, AGAIN_SECONDS)

    async def look(self) -> None:
        """Look once; write a line of the log where they have stood still for long.

        Raises Unavailable when there is no database.
        """
        async with self._db.exchange_statements() as xtx:
            place, newest = await find_horizon(xtx)
        now = self._clock.monotonic()
        if place == newest or place != self._place:
            self._place, self._since = place, now
            self._told = Sparingly(self._clock, AGAIN_SECONDS)
            return
        stands = now - self._since
        if stands >= STANDS_SECONDS and self._told.is_due():
            text = "a transaction of this database has held all events up for %d seconds"
            _LOG.warning(text, stands, extra={"code": "events-held-up", "seconds": int(stands)})
