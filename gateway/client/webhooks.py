"""Webhooks: who is told what happens in a dossier, and how that went."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gateway.client.connection import JSON, Connection, headers_of
from gateway.client.webhookmodel import (
    FreshWebhookEndpoint,
    NewWebhookEndpoint,
    Replay,
    WebhookDeliveryPage,
    WebhookEndpoint,
    WebhookEndpointChange,
    WebhookEndpoints,
    WebhookReplay,
    WebhookRotation,
)

__all__ = ["Webhooks"]

_PATH = "/v1/webhook-endpoints"


class Webhooks(Connection):
    """What the API does with webhooks."""

    async def create_webhook_endpoint(
        self,
        url: str,
        *,
        event_types: Sequence[str] = (),
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> FreshWebhookEndpoint:
        """Let *url* be told of events from now on (all types without *event_types*)."""
        wanted = NewWebhookEndpoint(
            url=url, description=description, event_types=tuple(event_types)
        )
        return await self.ask(
            FreshWebhookEndpoint,
            "POST",
            _PATH,
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode(wanted),
        )

    async def webhook_endpoints(self) -> tuple[WebhookEndpoint, ...]:
        """Return all endpoints of the dossier, newest first."""
        return (await self.ask(WebhookEndpoints, "GET", _PATH)).webhook_endpoints

    async def webhook_endpoint(self, endpoint_id: UUID) -> WebhookEndpoint:
        """Return one endpoint, without its secret."""
        return await self.ask(WebhookEndpoint, "GET", f"{_PATH}/{endpoint_id}")

    async def change_webhook_endpoint(
        self, endpoint_id: UUID, change: WebhookEndpointChange
    ) -> WebhookEndpoint:
        """Change the endpoint; enabled again, it goes on where it stopped."""
        return await self.ask(
            WebhookEndpoint,
            "PATCH",
            f"{_PATH}/{endpoint_id}",
            headers=headers_of(JSON),
            data=msgspec.json.encode(change),
        )

    async def delete_webhook_endpoint(self, endpoint_id: UUID) -> None:
        """Forget the endpoint."""
        async with self.open("DELETE", f"{_PATH}/{endpoint_id}"):
            pass

    async def rotate_webhook_secret(
        self, endpoint_id: UUID, *, overlap_seconds: int = 86400, idempotency_key: str | None = None
    ) -> FreshWebhookEndpoint:
        """Return the endpoint with a new secret; the old one signs for *overlap_seconds* more."""
        return await self.ask(
            FreshWebhookEndpoint,
            "POST",
            f"{_PATH}/{endpoint_id}/rotate-secret",
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode(WebhookRotation(overlap_seconds=overlap_seconds)),
        )

    async def test_webhook_endpoint(
        self, endpoint_id: UUID, *, idempotency_key: str | None = None
    ) -> WebhookReplay:
        """Send the endpoint an event `webhook.test`."""
        return await self.ask(
            WebhookReplay,
            "POST",
            f"{_PATH}/{endpoint_id}/test",
            headers=headers_of(JSON, idempotency_key),
        )

    async def webhook_deliveries(
        self,
        endpoint_id: UUID,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: str | None = None,
    ) -> WebhookDeliveryPage:
        """Return one page of what the endpoint was sent or will be, newest first."""
        query = {"limit": limit, "cursor": cursor, "status": status}
        path = f"{_PATH}/{endpoint_id}/deliveries"
        return await self.ask(WebhookDeliveryPage, "GET", path, query=query)

    async def replay_webhooks(
        self,
        endpoint_id: UUID,
        *,
        event_id: str | None = None,
        since: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookReplay:
        """Send the event *event_id* again, or all that happened after *since*; one of them."""
        return await self.ask(
            WebhookReplay,
            "POST",
            f"{_PATH}/{endpoint_id}/replay",
            headers=headers_of(JSON, idempotency_key),
            data=msgspec.json.encode(Replay(event_id=event_id, since=since)),
        )
