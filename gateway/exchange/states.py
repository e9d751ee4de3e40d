"""The statuses of a document and the moves between them: this table, and nothing beside it.

Outgoing: accepted (stored, answered 202), sealed (its bytes for the wire are fixed), sending (an
attempt is under way), and then one of

- delivered: a verified receipt is stored;
- refused: the receiving access point signed a refusal;
- failed: it cannot be sent as it is (unknown receiver, revoked certificate), or was cancelled;
- uncertain: probably delivered, no receipt; it is not sent again;
- gave_up: tried until its time was over;
- waiting: a person has to decide, because it may have arrived somewhere already.

Out of failed, gave_up and waiting a person's decision leads, and nothing else does.

Incoming: received (durable and acknowledged), then delivered to its dossier, or broken.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["ALLOWED", "FINAL", "Status", "check_move"]


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
        Status.FAILED: frozenset({Status.ACCEPTED, Status.SEALED}),
        Status.UNCERTAIN: frozenset(),
        Status.GAVE_UP: frozenset({Status.ACCEPTED, Status.SEALED}),
        Status.BROKEN: frozenset(),
    }
)

FINAL: frozenset[Status] = frozenset(
    {
        Status.DELIVERED,
        Status.REFUSED,
        Status.FAILED,
        Status.UNCERTAIN,
        Status.GAVE_UP,
        Status.BROKEN,
    }
)
"""The statuses that end a document's way: nothing leaves them by itself."""


def check_move(current: Status, to: Status) -> None:
    """Raise ValueError unless a document may go from *current* to *to*: a bug of the caller's."""
    if to not in ALLOWED[current]:
        raise ValueError(f"no document goes from {current} to {to}")
