"""Replayed and reflected messages, between the leaves of the test PKI."""

from conformance.forge import replay
from tests.support.attacks import forged

REPLAYS = forged(replay.REPLAYS)
IDENTITIES = forged(replay.IDENTITIES)
