"""Every route of the API in one table."""

from typing import Final

from gateway.web import (
    api,
    batch,
    decisions,
    deliveries,
    directory,
    feed,
    health,
    imports,
    office,
    pages,
    showing,
    validation,
    webhooks,
)
from gateway.web.route import Route

__all__ = ["API_ROUTES"]

API_ROUTES: Final[tuple[Route, ...]] = (
    *health.ROUTES,
    *pages.ROUTES,
    *batch.ROUTES,
    *api.ROUTES,
    *decisions.ROUTES,
    *feed.ROUTES,
    *imports.ROUTES,
    *showing.ROUTES,
    *validation.ROUTES,
    *directory.ROUTES,
    *office.ROUTES,
    *webhooks.ROUTES,
    *deliveries.ROUTES,
)
