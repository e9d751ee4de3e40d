"""From the feeds of dossiers to deliveries: an endpoint reads its feed from its place on.

The deliveries and the endpoint's new place are one transaction, under a lock on its row: whatever
is killed when, each event makes one delivery for each endpoint.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.store.feed import About, FeedEvent, read_feed
from gateway.store.locks import Locks
from gateway.store.pool import Database
from gateway.store.webhooks.deliveries import NewDelivery, count_pending, insert_deliveries
from gateway.store.webhooks.endpoints import Endpoint, find_endpoint
from gateway.store.webhooks.reading import EndpointRef, find_behind, find_documents, move_on
from gateway.webhooks.bugs import log_bug
from gateway.webhooks.events import event_id, event_type, write_event

__all__ = ["Relay"]

ENDPOINTS_MAX: Final = 100  # LIMIT: endpoints that one pass looks at; the next takes others.
EVENTS_MAX: Final = 200  # LIMIT: events that an endpoint reads in its turn.
PENDING_MAX: Final = 10_000
"""LIMIT: deliveries that wait for one endpoint; it reads on when there are fewer.

Until then it is not looked at, and nobody can add a test or a replay of one event.
"""
_RELAY: Final = UUID("6f1f3a60-5a0f-4c52-9d7b-0c9f4a1f0e15")


class Relay:
    """Makes deliveries of what happened; one process of a database does it at a time."""

    def __init__(self, db: Database, locks: Locks, clock: Clock) -> None:
        self._db = db
        self._locks = locks
        self._clock = clock

    async def run_once(self) -> bool:
        """Give each endpoint that is behind a turn; return whether anything was read.

        Raises Unavailable when there is no database.
        """
        async with self._locks.hold(_RELAY) as ours:
            if not ours:
                return False
            async with self._db.exchange_statements() as xtx:
                behind = await find_behind(xtx, limit=ENDPOINTS_MAX)
            return any([await self._take_turn(each) for each in behind])

    async def _take_turn(self, ref: EndpointRef) -> int:
        try:
            return await self.read_on(ref)
        except Unavailable:
            raise
        except Exception as exc:  # noqa: BLE001 - a bug about one endpoint must not stop the others
            log_bug(exc, ref)
            return 0

    async def read_on(self, ref: EndpointRef) -> int:
        """Let one endpoint read on; return how many events it read."""
        async with self._db.transaction(ref.dossier_id) as tx:
            endpoint = await find_endpoint(tx, ref.id, lock=True)
            if endpoint is None or not endpoint.is_enabled:
                return 0
            pending = await count_pending(tx, ref.id, most=PENDING_MAX)
            limit = min(EVENTS_MAX, PENDING_MAX - pending)
            found = await read_feed(tx, after=endpoint.place, limit=limit)
            wanted = [each for each in found if _is_wanted(endpoint, each)]
            steps = {each.subject_id for each in wanted if each.about is About.DOCUMENT}
            documents = await find_documents(tx, steps)
            bodies = [write_event(each, documents.get(each.subject_id)) for each in wanted]
            now = self._clock.now()
            await insert_deliveries(tx, ref.id, self._deliveries(wanted, bodies), now=now)
            await move_on(
                tx,
                endpoint,
                found[-1].place if found else endpoint.place,
                at_end=len(found) < limit,
                now=now,
                is_full=pending + len(wanted) >= PENDING_MAX,
            )
        return len(found)

    def _deliveries(self, events: Sequence[FeedEvent], bodies: Sequence[str]) -> list[NewDelivery]:
        # Ids of one millisecond have no order of their own.
        ids = sorted(self._clock.uuid() for _ in events)
        return [
            NewDelivery(
                id=delivery_id,
                event_id=event_id(each.subject_id, each.event.seq),
                event_type=event_type(each.event.name, each.about),
                body=body,
            )
            for delivery_id, each, body in zip(ids, events, bodies, strict=True)
        ]


def _is_wanted(endpoint: Endpoint, found: FeedEvent) -> bool:
    is_repeated = endpoint.repeats(found.place, found.event.at)
    if found.about is About.WEBHOOK:
        # It was sent when it was asked for, and to its endpoint alone.
        return is_repeated and found.subject_id == endpoint.id
    is_new = endpoint.is_new(found.place)
    return (is_new or is_repeated) and endpoint.wants(event_type(found.event.name, found.about))
