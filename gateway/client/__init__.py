"""The typed client of the gateway's own API, and the values that the API answers."""

from gateway.client.connection import GatewayClient
from gateway.client.model import (
    FINAL_STATUSES,
    Document,
    DocumentPage,
    Event,
    Participant,
    Participants,
    ProblemDetails,
    Registration,
    Service,
    Timeline,
)

__all__ = [
    "FINAL_STATUSES",
    "Document",
    "DocumentPage",
    "Event",
    "GatewayClient",
    "Participant",
    "Participants",
    "ProblemDetails",
    "Registration",
    "Service",
    "Timeline",
]
