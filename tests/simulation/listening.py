"""Everything that a simulated network would log, searched for what must never be in a log."""

import logging
from contextlib import contextmanager

from gateway import telemetry
from tests.simulation.invoices import MARK

SECRETS = (MARK, "<cbc:", "PRIVATE KEY")
LEAKS_MAX = 5
"""LIMIT: lines that are kept: one is enough to say what went wrong."""


class Listener(logging.Handler):
    """Takes every line as the gateway would write it, and keeps those that say too much."""

    def __init__(self):
        super().__init__()
        self.setFormatter(telemetry._JsonLines())
        self.leaks = []

    def emit(self, record):
        line = self.format(record)
        if any(secret in line for secret in SECRETS) and len(self.leaks) < LEAKS_MAX:
            self.leaks.append(line)


@contextmanager
def overheard():
    """Show nothing of what is logged inside; yield the lines that say too much."""
    root, listener = logging.getLogger(), Listener()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [listener]
    root.setLevel(logging.INFO)
    try:
        yield listener.leaks
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
