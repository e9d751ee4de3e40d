"""What the API says of webhooks, as values, and what a webhook itself is sent."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

__all__ = [
    "DocumentNotice",
    "EndpointNotice",
    "FreshWebhookEndpoint",
    "ImportNotice",
    "NewWebhookEndpoint",
    "Replay",
    "TrialNotice",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookDeliveryPage",
    "WebhookEndpoint",
    "WebhookEndpointChange",
    "WebhookEndpoints",
    "WebhookMessage",
    "WebhookReplay",
    "WebhookRotation",
]

_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Types = Annotated[tuple[str, ...], msgspec.Meta(max_length=50)]


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is told what happens in a dossier; no *event_types* means all of them.

    *disabled_reason*: `requested`, `gone` (it answered 410) or `failing` (for days); *advice* says
    what to do about it. While it is disabled, what happens waits for it. *failing_since* is its
    first failure after the last success. *replaying_since* is there while a replay goes on.
    """

    id: UUID
    url: str
    description: str | None
    event_types: tuple[str, ...]
    is_enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    advice: str | None
    failing_since: datetime | None
    replaying_since: datetime | None
    created_at: datetime
    updated_at: datetime


class FreshWebhookEndpoint(WebhookEndpoint, frozen=True, kw_only=True):
    """An endpoint with a new *secret* (`whsec_…`), which is shown this once."""

    secret: str


class WebhookEndpoints(msgspec.Struct, frozen=True, kw_only=True):
    """All endpoints of the dossier, newest first; there are at most 20."""

    webhook_endpoints: tuple[WebhookEndpoint, ...]


class NewWebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to make: an https address; no *event_types* means all of them."""

    url: _Url
    description: _Words | None = None
    event_types: _Types = ()


class WebhookEndpointChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change about an endpoint; what is left out stays."""

    url: _Url | msgspec.UnsetType = msgspec.UNSET
    description: _Words | msgspec.UnsetType | None = msgspec.UNSET
    event_types: _Types | msgspec.UnsetType = msgspec.UNSET
    is_enabled: bool | msgspec.UnsetType = msgspec.UNSET


class WebhookRotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a secret is replaced: for *overlap_seconds* messages carry signatures of both."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=7 * 86400)] = 86400


class WebhookAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a delivery: the HTTP *status* and how the *answer* begins, or an *error*."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    answer: str | None
    error: str | None


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint: `pending`, `delivered` or `failed`; *message* is what is sent."""

    id: UUID
    event_id: str
    event_type: str
    status: str
    next_attempt_at: datetime | None
    created_at: datetime
    updated_at: datetime
    message: dict[str, Any]
    attempts: tuple[WebhookAttempt, ...]


class WebhookDeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some deliveries, newest first; *next_cursor* asks for those that follow."""

    deliveries: tuple[WebhookDelivery, ...]
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[WebhookDelivery]:
        """Give what is on the page."""
        return iter(self.deliveries)


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send again: the event *event_id*, or all that happened after *since*; one of them."""

    event_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class WebhookReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What will be sent again: a *delivery*, or all events after *replaying_since*."""

    delivery: WebhookDelivery | None
    replaying_since: datetime | None


class WebhookMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook; what *data* is goes by its *type*.

    `document.…`: `DocumentNotice`; `import.…`: `ImportNotice`; `endpoint.disabled`:
    `EndpointNotice`; `webhook.test`: `TrialNotice`.  The id of the event is in the header
    webhook-id.
    [STANDARD-WEBHOOKS §payload-structure]
    """

    type: str
    timestamp: datetime
    data: dict[str, Any]


class DocumentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a document; *seq* orders the events of one document.

    It says what was so then and is so still, however often it is sent; how the document stands now
    is asked for.
    """

    document_id: UUID
    seq: int
    direction: str
    kind: str | None
    number: str | None
    sender: str
    receiver: str
    text: str


class ImportNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An import is `done`, or was `cancelled` or `failed` before all of its *total* documents."""

    import_id: UUID
    status: str
    total: int
    accepted: int
    refused: int
    text: str


class EndpointNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint of the dossier was disabled, for the *reason* `gone` or `failing`."""

    endpoint_id: UUID
    url: str
    reason: str
    failing_since: datetime | None
    text: str


class TrialNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asked for a test."""

    endpoint_id: UUID
    text: str
