"""One endpoint's turn: what is due is posted, one after the other, and each answer kept.

An answer is recorded after it came, so a process that dies in between sends once more, with the
same id.  Nobody else sends to the endpoint meanwhile: its turn holds a lock of its name.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from gateway.addresses import AddressRefused
from gateway.client.signing import signed_headers
from gateway.clock import Clock
from gateway.egress import Notice
from gateway.errors import Unavailable
from gateway.store.locks import Locks
from gateway.store.pool import Database, Transaction
from gateway.store.webhooks.deliveries import (
    Attempt,
    Delivery,
    Result,
    find_due,
    mark_failing,
    record_attempt,
)
from gateway.store.webhooks.endpoints import (
    Disabled,
    Endpoint,
    disable_endpoint,
    find_endpoint,
    list_secrets,
)
from gateway.store.webhooks.reading import EndpointRef, make_room
from gateway.webhooks.notices import tell_disabled
from gateway.webhooks.schedule import FAILING_MAX, next_attempt, read_retry_after

__all__ = ["TURN_SECONDS", "Notifier", "Sender"]

TURN_MAX: Final = 50  # LIMIT: deliveries of one turn; then others have theirs.
TURN_SECONDS: Final = 2.0  # LIMIT: after so long no other delivery of a turn begins.
_GONE: Final = 410
_LOG = logging.getLogger(__name__)


class Notifier(Protocol):
    """What posts a message: `gateway.egress.Egress`."""

    async def notify(
        self, url: str, *, headers: dict[str, str], body: bytes, timeout_seconds: float
    ) -> Notice:
        """Return the answer, or raise AddressRefused or Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class _Due:
    """A delivery that is due, where it goes, and what it is signed with."""

    endpoint: Endpoint
    delivery: Delivery
    secrets: list[bytes]


@dataclass(frozen=True, slots=True)
class _Answer:
    """How an attempt ended."""

    attempt: Attempt
    asked: timedelta = timedelta(0)

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took the message.  [STANDARD-WEBHOOKS §webhook-headers]"""
        return self.attempt.status is not None and 200 <= self.attempt.status < 300


class Sender:
    """Posts what is due; *timeout_seconds* bounds each attempt."""

    def __init__(
        self,
        db: Database,
        locks: Locks,
        clock: Clock,
        notifier: Notifier,
        *,
        timeout_seconds: float,
    ) -> None:
        self._db = db
        self._locks = locks
        self._clock = clock
        self._notifier = notifier
        self._timeout_seconds = timeout_seconds

    async def take_turn(self, ref: EndpointRef, stop: asyncio.Event) -> int:
        """Send what is due to the endpoint, until *stop* or the turn is over; return how much.

        Raises Unavailable when there is no database.
        """
        async with self._locks.hold(ref.id) as ours:
            if not ours:
                return 0
            sent, until = 0, self._clock.monotonic() + TURN_SECONDS
            async with self._db.transaction(ref.dossier_id) as tx:
                due = await self._find(tx, ref)
            while due is not None:
                answer = await self._post(due)
                sent += 1
                is_late = self._clock.monotonic() >= until
                is_over = is_late or sent == TURN_MAX or stop.is_set()
                async with self._db.transaction(ref.dossier_id) as tx:
                    disabled = await self._record(tx, due, answer)
                    due = None if is_over else await self._find(tx, ref)
                if disabled is not None:
                    _LOG.warning("a webhook endpoint is disabled", extra=_about(ref, disabled))
            return sent

    async def _find(self, tx: Transaction, ref: EndpointRef) -> _Due | None:
        """Return what is due to the endpoint, if it is enabled and something is."""
        now = self._clock.now()
        delivery = await find_due(tx, ref.id, now=now)
        endpoint = None if delivery is None else await find_endpoint(tx, ref.id)
        if delivery is None or endpoint is None or not endpoint.is_enabled:
            return None
        return _Due(endpoint, delivery, await list_secrets(tx, ref.id, now=now))

    async def _post(self, due: _Due) -> _Answer:
        body, now, begun = due.delivery.body.encode(), self._clock.now(), self._clock.monotonic()
        headers = signed_headers(due.secrets, due.delivery.event_id, body, now=now)
        headers["Content-Type"] = "application/json"
        notice, error = None, None
        try:
            notice = await self._notifier.notify(
                due.endpoint.url, headers=headers, body=body, timeout_seconds=self._timeout_seconds
            )
        except (AddressRefused, Unavailable) as refusal:
            error = refusal.detail
        attempt = Attempt(
            number=due.delivery.attempt_count + 1,
            at=now,
            milliseconds=round((self._clock.monotonic() - begun) * 1000),
            status=None if notice is None else notice.status,
            answer=None if notice is None else _readable(notice.head),
            error=error,
        )
        header = None if notice is None else notice.retry_after
        return _Answer(attempt, read_retry_after(header, now=self._clock.now()))

    async def _record(self, tx: Transaction, due: _Due, answer: _Answer) -> Disabled | None:
        """Keep the answer, and draw the conclusions about delivery and endpoint.

        Returns why the endpoint is disabled from now on, if it is.
        """
        now = self._clock.now()
        endpoint = await find_endpoint(tx, due.endpoint.id, lock=True)
        if endpoint is None:
            return None
        result = Result("delivered", None) if answer.is_success else self._after_failure(answer)
        if not await record_attempt(tx, due.delivery.id, answer.attempt, result):
            return None
        if result.status != "pending":
            await make_room(tx, endpoint.id, now=now)
        if answer.is_success:
            if endpoint.failing_since is not None:
                await mark_failing(tx, endpoint.id, None)
            return None
        since = endpoint.failing_since or now
        if endpoint.failing_since is None:
            await mark_failing(tx, endpoint.id, since)
        failing = replace(endpoint, failing_since=since)
        if answer.attempt.status == _GONE:
            return await self._disable(tx, failing, Disabled.GONE)
        if result.status == "failed" and now - since >= FAILING_MAX:
            return await self._disable(tx, failing, Disabled.FAILING)
        return None

    def _after_failure(self, answer: _Answer) -> Result:
        chance = int.from_bytes(self._clock.random(4)) / 2**32
        number = answer.attempt.number
        at = next_attempt(number, now=self._clock.now(), chance=chance, asked=answer.asked)
        return Result("failed", None) if at is None else Result("pending", at)

    async def _disable(
        self, tx: Transaction, endpoint: Endpoint, reason: Disabled
    ) -> Disabled | None:
        """Send the endpoint nothing more, and tell its dossier."""
        now = self._clock.now()
        if not await disable_endpoint(tx, endpoint.id, reason, now=now):
            return None
        await tell_disabled(tx, endpoint, reason, now=now)
        return reason


def _about(ref: EndpointRef, reason: Disabled) -> dict[str, str]:
    """Return what the log says of an endpoint that is disabled for *reason*."""
    return {
        "code": "webhook-endpoint-disabled",
        "endpoint": str(ref.id),
        "dossier": str(ref.dossier_id),
        "reason": str(reason),
    }


def _readable(head: bytes) -> str:
    return head.decode("utf-8", "replace").replace("\0", "\ufffd")
