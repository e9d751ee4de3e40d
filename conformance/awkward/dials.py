"""What the awkward peer does wrong, and how often: data, printed with the seed.  [AS4 §3.2]"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from conformance.awkward.dice import often, stream
from conformance.suite.listener import Fault

__all__ = ["GENTLE", "Deed", "Dials", "Mischief", "Resend", "draw_deed", "draw_resend"]

DELAY_SECONDS_MAX: Final = 0.5  # LIMIT: of a delay; nobody gives up a message for that.
DUPLICATES_MAX: Final = 3  # LIMIT: how often a message is posted again.


class Mischief(StrEnum):
    """What is wrong with the wire rather than with the answer."""

    NONE = "nothing"
    RESET = "the connection is reset before the message is read"
    TRUNCATE = "the answer breaks off"


@dataclass(frozen=True, slots=True)
class Dials:
    """How often, 0 to 1, the peer does what: as a receiver, and as a sender where it can.

    *refuse* a message (HTTP 5xx, a reset, an error of ebMS); *lose* the answer to one that was
    taken; *truncate* an answer, or a message before it is posted again; *duplicate* a message;
    *delay* answers.
    """

    refuse: float = 0.05
    lose: float = 0.05
    truncate: float = 0.05
    duplicate: float = 0.05
    delay: float = 0.1

    def words(self, seed: int) -> str:
        """Return what a run prints, so that it can be played again."""
        dials = [f"{each.name} {getattr(self, each.name):.0%}" for each in fields(self)]
        return f"awkward: seed {seed}, {', '.join(dials)}"


GENTLE: Final = Dials(0.0, 0.0, 0.0, 0.0, 0.0)
"""A peer that only varies."""

_REFUSALS: Final = (Fault.BUSY, Fault.SERVER_ERROR, Fault.TEMPORARY, Fault.ERROR)
_LOSSES: Final = (Fault.HANG_UP, Fault.EMPTY, Fault.UNSIGNED)


@dataclass(frozen=True, slots=True)
class Deed:
    """What the receiver does with one message; *seconds* is how late it answers."""

    mischief: Mischief
    fault: Fault
    seconds: float


@dataclass(frozen=True, slots=True)
class Resend:
    """How a sender posts one message: broken off at these shares of it, then whole so often."""

    broken_at: tuple[float, ...]
    copies: int


def draw_deed(seed: int, dials: Dials, number: int) -> Deed:
    """Return what happens to the *number*th message that arrives."""
    dice = stream(seed, "deed", number)
    fault, mischief, chance = Fault.NONE, Mischief.NONE, dice.random()
    refusal, loss = dice.choice((None, *_REFUSALS)), dice.choice(_LOSSES)
    seconds = dice.random() * DELAY_SECONDS_MAX if often(dice, dials.delay) else 0.0
    if chance < dials.refuse:
        mischief = Mischief.RESET if refusal is None else Mischief.NONE
        fault = refusal or Fault.NONE
    elif chance < dials.refuse + dials.lose:
        fault = loss
    elif chance < dials.refuse + dials.lose + dials.truncate:
        mischief = Mischief.TRUNCATE
    return Deed(mischief, fault, seconds)


def draw_resend(seed: int, dials: Dials, *names: object) -> Resend:
    """Return how the message called *names* is posted."""
    dice = stream(seed, "resend", *names)
    broken = (dice.random(),) if often(dice, dials.truncate) else ()
    copies = dice.randint(2, DUPLICATES_MAX) if often(dice, dials.duplicate) else 1
    return Resend(broken, copies)
