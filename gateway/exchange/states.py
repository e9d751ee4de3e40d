"""The statuses of a document and the moves between them: this table, and nothing beside it.

Outgoing: accepted (stored, answered 202), sealed (its bytes for the wire are fixed), sending (an
attempt is under way), and then one of

- delivered: a verified receipt is stored;
- refused: the receiving access point signed a refusal;
- failed: it cannot be sent as it is (unknown receiver, revoked certificate);
- uncertain: probably delivered, no receipt; it is not sent again;
- gave_up: tried until its time was over;
- waiting: a person has to decide, because it may have arrived somewhere already.

Incoming: received (durable and acknowledged), then delivered to its dossier, or broken.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from gateway.errors import Fault, Kind
from gateway.store import documents
from gateway.store.pool import Transaction

__all__ = ["ALLOWED", "FINAL", "Status", "check_move", "move"]


class Status(StrEnum):
    """Where a document stands."""

    ACCEPTED = "accepted"
    SEALED = "sealed"
    SENDING = "sending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    GAVE_UP = "gave_up"
    WAITING = "waiting"
    RECEIVED = "received"
    BROKEN = "broken"


ALLOWED: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.ACCEPTED: frozenset({Status.SEALED, Status.FAILED, Status.GAVE_UP}),
        # Back from sending means another attempt. Before each one, look-up and certificate are
        # checked again, so a sealed document can also end without being sent.
        Status.SEALED: frozenset({Status.SENDING, Status.FAILED, Status.GAVE_UP, Status.WAITING}),
        Status.SENDING: frozenset(
            {
                Status.SEALED,
                Status.DELIVERED,
                Status.REFUSED,
                Status.FAILED,
                Status.UNCERTAIN,
                Status.GAVE_UP,
                Status.WAITING,
            }
        ),
        Status.WAITING: frozenset({Status.SEALED, Status.FAILED}),
        Status.RECEIVED: frozenset({Status.DELIVERED, Status.BROKEN}),
        Status.DELIVERED: frozenset(),
        Status.REFUSED: frozenset(),
        Status.FAILED: frozenset(),
        Status.UNCERTAIN: frozenset(),
        Status.GAVE_UP: frozenset(),
        Status.BROKEN: frozenset(),
    }
)

FINAL: frozenset[Status] = frozenset(status for status, onward in ALLOWED.items() if not onward)
"""The statuses that nothing leaves."""


def check_move(current: Status, to: Status) -> None:
    """Raise ValueError unless a document may go from *current* to *to*: a bug of the caller's."""
    if to not in ALLOWED[current]:
        raise ValueError(f"no document goes from {current} to {to}")


async def move(
    tx: Transaction, document_id: UUID, current: Status, to: Status, *, now: datetime
) -> None:
    """Take a document from *current* to *to* in *tx*.

    Raises ValueError for a move outside the table, and Fault (CONFLICT) when the document is not,
    or no longer, where the caller believes it is.
    """
    check_move(current, to)
    if not await documents.move_document(tx, document_id, current, to, now=now):
        raise Fault(Kind.CONFLICT, "status-changed", f"the document is no longer {current}")
