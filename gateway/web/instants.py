"""Instants as we keep and answer them: in UTC."""

from datetime import UTC, datetime
from typing import Final

__all__ = ["to_utc"]

_FIRST: Final = datetime.min.replace(microsecond=1, tzinfo=UTC)
_LAST: Final = datetime.max.replace(microsecond=999_998, tzinfo=UTC)
"""The ends of time are infinity to the driver of the database, and come back without a zone."""


def to_utc(instant: datetime) -> datetime:
    """Return the same *instant* in UTC; the first and last of all are moved by a microsecond.

    Raises ValueError for one that has no date there: neither column nor answer could hold it.
    """
    try:
        return min(max(instant.astimezone(UTC), _FIRST), _LAST)
    except OverflowError:
        raise ValueError("is no instant of the years 1 to 9999 in UTC") from None
