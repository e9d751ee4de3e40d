"""What the suite takes from the machine, handed in by whoever runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

__all__ = ["Tools"]


@dataclass(frozen=True, slots=True)
class Tools:
    """The instant, seconds that only grow, fresh identifiers, and random bytes."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    new_id: Callable[[], str]
    random: Callable[[int], bytes]
