"""What software writes down of a gateway: all that it was promised, and all that came to it."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from gateway.client import FeedEvent
from gateway.errors import Fault, Kind, Unavailable

ROUTES = (
    "POST /v1/documents", "POST /v1/documents/batch", "POST /v1/imports",
    "POST /v1/documents/{id}/ack", "POST /v1/webhook-endpoints",
    "POST /v1/webhook-endpoints/{id}/test", "POST /v1/dossiers", "POST /v1/api-keys",
)  # fmt: skip
"""Whose answers are promises."""
LATE_SECONDS_MAX = 90.0
PAUSE_SECONDS = 0.2
IN_FLIGHT = "idempotency-key-in-flight"

T = TypeVar("T")


async def until_answered(call: Callable[..., Awaitable[T]], *given: Any, **named: Any) -> T:
    """Return what *call* returns, however often it has to be made; raises its refusal as Fault.

    A cut connection, a 5xx, a 429 and `…-in-flight` are no final answers.
    """
    async with asyncio.timeout(LATE_SECONDS_MAX):
        while True:
            try:
                return await call(*given, **named)
            except Unavailable:
                pass
            except Fault as fault:
                if fault.kind is not Kind.INTERNAL:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Promise:
    """A POST that was answered 2xx: *told* is what a repetition has to be told, too."""

    route: str
    key: str
    told: object
    again: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Taken:
    """A document that was taken from the inbox: its number, and the digest of its bytes."""

    number: str | None
    digest: str


@dataclass(slots=True)
class Book:
    """What a company wrote down: everything that it was answered, and that came to it.

    *documents*: the number by the id of a 202.  *digests*: of each number that it sent as UBL.
    *imports*: the numbers in each.  *tests*: events that were promised to the webhook.
    *polled*: events in the order in which the feed showed them.  *changed*, *refused*,
    *reappeared*: what was wrong already when it was answered.
    """

    answered: Counter[str] = field(default_factory=Counter)
    documents: dict[UUID, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    imports: dict[UUID, tuple[str, ...]] = field(default_factory=dict)
    endpoints: set[UUID] = field(default_factory=set)
    dossiers: set[UUID] = field(default_factory=set)
    keys: set[UUID] = field(default_factory=set)
    tests: set[str] = field(default_factory=set)
    taken: dict[UUID, Taken] = field(default_factory=dict)
    polled: list[FeedEvent] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    reappeared: list[str] = field(default_factory=list)
