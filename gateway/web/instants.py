"""Instants as we keep and answer them: in UTC."""

from datetime import UTC, datetime

__all__ = ["to_utc"]


def to_utc(instant: datetime) -> datetime:
    """Return the same *instant* in UTC.

    Raises ValueError for one that has no date there: neither column nor answer could hold it.
    """
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("is no instant of the years 1 to 9999 in UTC") from None
