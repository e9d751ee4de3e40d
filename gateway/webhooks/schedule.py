"""When a webhook is tried again, and when its endpoint is given up: no clock, no chance of its own.

[STANDARD-WEBHOOKS §deliverability-and-reliability]
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["FAILING_MAX", "PAUSES", "next_attempt", "read_retry_after"]

PAUSES: Final[Sequence[timedelta]] = tuple(
    timedelta(seconds=each)
    for each in (
        0, 5, 5 * 60, 30 * 60,
        2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600,
    )
)  # fmt: skip
"""LIMIT: the pause before each attempt; after the last one a delivery has failed."""
FAILING_MAX: Final = timedelta(days=5)
"""LIMIT: an endpoint of which nothing but failures came for so long is disabled.

That is when a delivery has failed for good: days on which nothing was sent prove nothing, and one
failure after them is tried again like any other.
"""
RETRY_AFTER_MAX: Final = timedelta(hours=24)
"""LIMIT: how long an endpoint can ask us to wait."""
_JITTER: Final = 0.1


def next_attempt(
    attempts: int, *, now: datetime, chance: float, asked: timedelta = timedelta(0)
) -> datetime | None:
    """Return when to try again after *attempts* of them failed, or None for never.

    *chance* is from 0 to 1 and spreads endpoints that fell over together; *asked* is how long the
    endpoint wants to be left alone.
    """
    if attempts >= len(PAUSES):
        return None
    pause = PAUSES[attempts] * (1 - _JITTER + 2 * _JITTER * chance)
    return now + max(pause, asked)


def read_retry_after(text: str | None, *, now: datetime) -> timedelta:
    """Return how long the header Retry-After asks to wait; nothing if it says nothing.

    It is never more than RETRY_AFTER_MAX.
    [RFC9110 §10.2.3]
    """
    if text is None:
        return timedelta(0)
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) < 10 else RETRY_AFTER_MAX.total_seconds()
        return min(timedelta(seconds=seconds), RETRY_AFTER_MAX)
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return min(max(at - now, timedelta(0)), RETRY_AFTER_MAX)
    except (ValueError, OverflowError):
        return timedelta(0)
