"""What a mutant is: the gateway as it is, but for one part that is broken for a schedule."""

from contextlib import contextmanager
from unittest.mock import patch

from gateway.exchange.writer import BatchWriter


class Mutants:
    """The gateway as it is; a mutant overrides a method."""

    spoils = mends = ""
    """What is done to the databases before a schedule, and after it."""

    def writer(self, db):
        """Return what stores received messages."""
        return BatchWriter(db)

    def handlers(self, node, handlers):
        """Return who does which job at *node*."""
        del node
        return handlers

    @contextmanager
    def switched_on(self):
        """Break something inside the block."""
        yield


class Patched(Mutants):
    """A mutant that puts *instead* of what is called *name* in *where*."""

    where = None
    name = ""

    @contextmanager
    def switched_on(self):
        with patch.object(self.where, self.name, self.instead(getattr(self.where, self.name))):
            yield

    def instead(self, original):
        raise NotImplementedError
