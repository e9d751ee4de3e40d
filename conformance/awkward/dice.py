"""Chance that can be played again: each thing that is decided has a stream of its own.

A stream is drawn from the seed and from the names of what it decides, never from the order of
events, so that messages that cross each other do not change what is drawn for them.
"""

from random import Random
from typing import Final

__all__ = ["SEED_MAX", "Dice", "often", "stream"]

Dice = Random

SEED_MAX: Final = 1 << 32


def stream(seed: int, *names: object) -> Dice:
    """Return the dice of *names* under *seed*; the same names give the same dice."""
    return Random("/".join(map(str, (seed, *names))))  # noqa: S311 - it must be playable again


def often(dice: Dice, share: float) -> bool:
    """Say yes in *share* (0 to 1) of all cases."""
    return dice.random() < share
