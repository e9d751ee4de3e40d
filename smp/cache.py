"""A bounded cache whose entries end; the time is an argument.

Answers of the network are remembered for minutes, refusals for seconds: long enough to spare an SMP
a burst of documents for one receiver, short enough that a correction there is soon seen here.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    ends_at: datetime
    weight: int


class Cache(Generic[K, V]):
    """At most *entries_max* entries of *weight_max* together; the unused ones make room."""

    def __init__(self, *, entries_max: int, weight_max: int) -> None:
        self._entries_max = entries_max
        self._weight_max = weight_max
        self._weight = 0
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: K, *, now: datetime) -> V | None:
        """Return what was kept under *key*, or None when there is nothing or it has ended."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.ends_at:
            self.forget(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def keep(self, key: K, value: V, *, now: datetime, seconds: float, weight: int = 0) -> None:
        """Keep *value* under *key* for *seconds* from *now*, in place of what was there."""
        self.forget(key)
        self._entries[key] = _Entry(value, now + timedelta(seconds=seconds), weight)
        self._weight += weight
        while len(self._entries) > self._entries_max or self._weight > self._weight_max:
            _, oldest = self._entries.popitem(last=False)
            self._weight -= oldest.weight

    def forget(self, key: K) -> None:
        """Drop *key* if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= entry.weight
