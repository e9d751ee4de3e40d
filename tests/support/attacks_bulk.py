"""Messages that are meant to cost much, between the leaves of the test PKI."""

from conformance.forge import bulk
from tests.support.attacks import forged

BULK = forged(bulk.BULK)
BOMBS = forged(bulk.BOMBS)
