"""Time, identifiers and random bytes: the only place where the gateway takes them from the machine.

Everything else gets them as arguments or through a `Clock`, so a test can fix them, and a sandbox
can live at the instant of a captured message.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where a use case gets the instant, fresh identifiers and random bytes."""

    def now(self) -> datetime:
        """Return this instant, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow, to measure durations with."""
        ...

    def uuid(self) -> UUID:
        """Return a fresh identifier; later ones sort after earlier ones."""
        ...

    def random(self, size: int) -> bytes:
        """Return *size* bytes nobody can guess."""
        ...

    def message_id(self, host: str) -> str:
        """Return a fresh message identifier at *host*, without angle brackets.  [RFC5322 §3.6.4]"""
        ...


class SystemClock:
    """The machine's clock, moved by *offset*, and the machine's randomness."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self._offset = offset
        self._offset_ms = offset // timedelta(milliseconds=1)

    @classmethod
    def starting_at(cls, instant: datetime | None) -> Self:
        """Return a clock that reads *instant* now and runs on from there; None: the true time."""
        return cls() if instant is None else cls(instant - datetime.now(UTC))

    def now(self) -> datetime:
        """Return this instant, aware and in UTC."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """Return seconds that only ever grow, to measure durations with."""
        return time.monotonic()

    def uuid(self) -> UUID:
        """Return a fresh identifier of version 7: milliseconds first, then 74 random bits."""
        milliseconds = time.time_ns() // 1_000_000 + self._offset_ms
        chance = int.from_bytes(os.urandom(10))
        high = (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | chance >> 68
        low = 0b10 << 62 | chance & (1 << 62) - 1
        return UUID(int=high << 64 | low)

    def random(self, size: int) -> bytes:
        """Return *size* bytes nobody can guess."""
        return os.urandom(size)

    def message_id(self, host: str) -> str:
        """Return a fresh message identifier at *host*, without angle brackets.  [RFC5322 §3.6.4]"""
        return f"{self.uuid()}@{host}"
