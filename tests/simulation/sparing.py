"""What costs most and shows nothing while virtual time passes is left out here."""

import asyncio
import gc
import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from unittest.mock import patch

from pgqueuer.core import buffers
from pgqueuer.core.qm import QueueManager

from as4.certificates import certificate

NOTE_SECONDS = 0.3
"""How long a finished job may wait to be noted; who dies within them does it again."""

_read_certificate = lru_cache(256)(certificate._read)


@dataclass
class OnDemand(buffers.JobStatusLogBuffer):
    """Notes finished jobs a moment after the first of them, and does not look while there is none.

    The queue's own looks ten times a second, for as long as virtual time passes.
    """

    filled: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def __aexit__(self, *error):
        self.shutdown.set()
        self.filled.set()
        await super().__aexit__(*error)

    async def add(self, item):
        await super().add(item)
        self.filled.set()

    async def periodic_flush(self):
        while not self.shutdown.is_set():
            await self.filled.wait()
            await asyncio.sleep(NOTE_SECONDS * random.uniform(0.8, 1.2))
            self.filled.clear()
            await self.flush()
            if self.events.qsize():
                self.filled.set()  # it could not be noted


@contextmanager
def spared():
    """Leave it out for the length of a schedule.

    At each start the queue asks whether its tables are there, with thirty questions: they are.
    Certificates are the same few in all processes.  The collector waits until the schedule is over.
    """

    async def verified(_):
        return

    gc.disable()
    try:
        with (
            patch.object(buffers, "JobStatusLogBuffer", OnDemand),
            patch.object(QueueManager, "verify_structure", verified),
            patch.object(certificate, "_read", _read_certificate),
        ):
            yield
    finally:
        gc.enable()
