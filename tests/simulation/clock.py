"""The clock of a simulated access point: the loop's time, put wrong at will, and seeded chance."""

from datetime import timedelta
from uuid import UUID

from tests.support.pki import NOW


class SimulatedClock:
    """A `gateway.clock.Clock`; *wrong_by* is how far it is from the loop's time."""

    def __init__(self, loop, dice):
        self._loop = loop
        self._dice = dice
        self.wrong_by = timedelta(0)
        self.jumps = 0
        self._said = None, ""

    def now(self):
        return NOW + timedelta(seconds=self._loop.time()) + self.wrong_by

    def text(self):
        """Return what time it is as text."""
        time = self._loop.time(), self.wrong_by
        if self._said[0] != time:
            self._said = time, self.now().isoformat()
        return self._said[1]

    def monotonic(self):
        return self._loop.time()

    def uuid(self):
        milliseconds = int(self.now().timestamp() * 1000)
        chance = self._dice.getrandbits(74)
        high = (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | chance >> 62
        low = 0b10 << 62 | chance & (1 << 62) - 1
        return UUID(int=high << 64 | low)

    def random(self, size):
        return self._dice.randbytes(size)

    def message_id(self, host):
        return f"{self.uuid()}@{host}"
