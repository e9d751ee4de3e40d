"""The processes beside a gateway's own that check documents: they answer at once, or die.

What a process would do is done here, by the gateway's own function for it; when one cannot be
started, and when one dies over a question, is drawn from the seed.  The lanes that ask, wait and
try again are the gateway's (`gateway.lanes`).
"""

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from unittest.mock import patch

from gateway import lanes
from gateway.rules import pipeline
from gateway.rules.catalogue import BIS3, EN16931, INVOICE_ROOT, RESPONSE_ROOT
from gateway.rules.checker import Checker
from gateway.rules.shelf import Shelf
from tests.simulation.loop import LIFE
from tests.simulation.rules import rules_folder

BESIDE_BYTES_MIN = 20_000
"""What is larger is checked in a process beside; in half of the schedules all is."""


@cache
def _shelf(folder):
    """Return the rules in *folder*, read once for all who check by them."""
    shelf = Shelf(folder)
    shelf.take().load(INVOICE_ROOT, (EN16931, BIS3))
    shelf.take().load(RESPONSE_ROOT, ())
    return shelf


def a_checker(settings, clock):
    """Return what checks documents by the rules of the simulation, for one life of a gateway."""
    return Checker(replace(settings, rules_dir=rules_folder()), _shelf(rules_folder()), clock)


class Beside:
    """All processes beside those of *world*; *away* are the access points that can have none."""

    def __init__(self, world, dice):
        self._world, self._dice = world, dice
        self.away = set()
        self.faults = Counter()
        self._bytes_min = dice.choice((0, BESIDE_BYTES_MIN))

    @contextmanager
    def in_place(self):
        """Let gateways start processes here, inside the block."""
        with (
            patch.object(lanes, "multiprocessing", self),
            patch.object(pipeline, "INLINE_BYTES_MAX", self._bytes_min),
            patch.object(pipeline, "Shelf", _shelf),
        ):
            yield

    def get_context(self, method):
        """Return what makes processes and pipes, as `multiprocessing` does."""
        assert method == "spawn"
        return self

    def Pipe(self):  # noqa: N802 - it stands in place of multiprocessing's
        """Return both ends of what leads to a process."""
        pipe = _Pipe()
        return pipe, pipe

    def Process(self, *, target, args, daemon):  # noqa: N802 - as above
        """Return a process that is still to be started."""
        assert target is lanes._work
        assert daemon
        return _Process(self, *args)

    def strikes(self, what):
        """Say whether *what* befalls a process of who asks, just now."""
        away = LIFE.get().node.index in self.away
        if away or self._dice.random() < self._world.network.weather.chance / 3:
            self.faults[what] += 1
            return True
        return False


class _Pipe:
    """Both ends of a pipe: what is sent is answered by the process, or is lost with it."""

    def __init__(self):
        self.process = None
        self._answers = []

    def close(self):
        """Close the end that is the process's: it has its own."""

    def send(self, question):
        if not self.process.is_alive():
            raise BrokenPipeError
        self._answers.append(self.process.work(question))

    def poll(self, seconds):
        del seconds
        return True

    def recv(self):
        answer = self._answers.pop(0)
        if answer is None:
            raise EOFError
        return answer


class _Process:
    """One process: what it does is done when it is asked."""

    def __init__(self, beside, pipe, make, given, memory_bytes_max):
        self._beside, self._pipe = beside, pipe
        self._make, self._given = make, given
        self._answer = None
        assert memory_bytes_max
        pipe.process = self

    def start(self):
        if self._beside.strikes("no process"):
            raise BlockingIOError("the machine has no room for a process")
        self._answer = self._make(self._given)
        self._pipe._answers.append((True, None))

    def is_alive(self):
        return self._answer is not None

    def kill(self):
        self._answer = None

    def join(self, seconds):
        """Wait for its end: it has ended."""

    def work(self, question):
        """Return what is answered to *question*, None when the process died over it."""
        if self._beside.strikes("process died"):
            self.kill()
            return None
        try:
            return True, self._answer(question)
        except Exception as error:  # noqa: BLE001 - it is handed to who asked
            return False, error
