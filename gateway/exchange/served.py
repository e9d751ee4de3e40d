"""Whom we serve: participant, document type and process of a message that came in.

The answer of the database is remembered for a few seconds, in a bounded cache; a message is
refused only after the database itself said no, so a participant that was registered just now
receives at once.  [PEPPOL-AS4 §2.7] [PEPPOL-ID §5]
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.store.participants import Served, find_services
from gateway.store.pool import Database
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

ENTRIES_MAX = 4_096  # LIMIT: participants whose services are remembered, some 2 KB each.
SECONDS_MAX = 5.0  # LIMIT: how long a participant that was removed may still receive.


@dataclass(frozen=True, slots=True)
class _Remembered:
    services: tuple[Served, ...]
    until: float


class ServedParticipants:
    """Answers *do we serve this*, out of the database or what it said a moment ago."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._cache: OrderedDict[str, _Remembered] = OrderedDict()

    async def find(
        self, receiver: ParticipantId, document_type: DocumentTypeId, process: ProcessId
    ) -> Served | None:
        """Return the service under which *receiver* takes this, or None when it does not."""
        remembered = self._cache.get(receiver.key)
        if remembered is not None and self._clock.monotonic() < remembered.until:
            found = choose_service(remembered.services, document_type, process)
            if found is not None:
                return found
        return choose_service(await self._ask(receiver), document_type, process)

    async def _ask(self, receiver: ParticipantId) -> tuple[Served, ...]:
        """Ask the database, and remember what it says if it says anything."""
        async with self._db.exchange_statements() as xtx:
            services = tuple(await find_services(xtx, receiver.key))
        self._cache.pop(receiver.key, None)
        if services:
            until = self._clock.monotonic() + SECONDS_MAX
            self._cache[receiver.key] = _Remembered(services, until)
            if len(self._cache) > ENTRIES_MAX:
                self._cache.popitem(last=False)
        return services


def choose_service(
    services: Iterable[Served], document_type: DocumentTypeId, process: ProcessId
) -> Served | None:
    """Return the first of *services* that covers *document_type* (wildcards too) in *process*."""
    for served in services:
        if served.service.process == process and document_type.matches(
            served.service.document_type
        ):
            return served
    return None
