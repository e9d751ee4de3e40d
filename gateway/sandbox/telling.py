"""How a story is told: step by step, timed, and ended by the first step that goes wrong."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.sandbox.network import Network

__all__ = ["DELIVERY_SECONDS_MAX", "Step", "Story", "StoryFailed", "Telling", "must"]

DELIVERY_SECONDS_MAX = 60.0  # LIMIT: an invoice that has not arrived by then never will.


class StoryFailed(Exception):  # noqa: N818 - it says what happened
    """A step of a story did not end as it must; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was done, and how long it took."""

    name: str
    ms: float


@dataclass(slots=True)
class Telling:
    """A story being told: its steps so far, its facts, and who hears of each step."""

    heard: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time what is done inside; it counts only if it ends without an error."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:
            raise StoryFailed(f"{name}: {error}") from error
        self.note(name, (time.monotonic() - started) * 1000)

    def note(self, name: str, ms: float) -> None:
        """Add a step that was timed elsewhere."""
        step = Step(name, round(ms, 1))
        self.steps.append(step)
        self.heard(step)


Story = Callable[[Network, Telling], Awaitable[None]]


def must(true: bool, otherwise: str) -> None:
    """Raise StoryFailed with *otherwise* unless it is *true*."""
    if not true:
        raise StoryFailed(otherwise)
