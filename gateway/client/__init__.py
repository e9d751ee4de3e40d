"""A gateway's API in Python: `GatewayClient`, and what belongs to it.  `docs/CLIENT.md` shows it.

Every method raises Fault when the gateway refuses (its `code` says why), and Unavailable when it
cannot be asked or asks to be asked again.  `each` walks a list, `verify` tells whether a webhook is
genuine.
"""

from gateway.client.gateway import GatewayClient
from gateway.client.model import (
    FINAL_STATUSES,
    Document,
    DocumentPage,
    Event,
    EventPage,
    FeedEvent,
    Participant,
    Participants,
    ProblemDetails,
    Registration,
    Service,
    Timeline,
)
from gateway.client.paging import each
from gateway.client.signing import verify
from gateway.errors import Fault, Unavailable

__all__ = [
    "FINAL_STATUSES",
    "Document",
    "DocumentPage",
    "Event",
    "EventPage",
    "Fault",
    "FeedEvent",
    "GatewayClient",
    "Participant",
    "Participants",
    "ProblemDetails",
    "Registration",
    "Service",
    "Timeline",
    "Unavailable",
    "each",
    "verify",
]
