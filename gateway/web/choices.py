"""Which words a text of the API can be: said in its description, and not by the models.

The models take any text, so that a client of today reads the word of a later version.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.exchange.states import Status
from gateway.store.keys import EVERYTHING
from gateway.web.scopes import Scope
from gateway.webhooks.events import EVENT_TYPES

__all__ = ["add_choices"]

_WAYS: Final = ("in", "out")
_STATUSES: Final = tuple(map(str, Status))
_SCOPES: Final = (*map(str, Scope), EVERYTHING)
_EVENTS: Final = tuple(EVENT_TYPES)
_CHOICES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("Document", "direction"): _WAYS,
    ("Document", "status"): _STATUSES,
    ("ApiKey", "scopes"): _SCOPES,
    ("FreshApiKey", "scopes"): _SCOPES,
    ("NewApiKey", "scopes"): _SCOPES,
    ("FeedEvent", "type"): _EVENTS,
    ("WebhookDelivery", "event_type"): _EVENTS,
    ("WebhookEndpoint", "event_types"): _EVENTS,
    ("FreshWebhookEndpoint", "event_types"): _EVENTS,
    ("NewWebhookEndpoint", "event_types"): _EVENTS,
    ("WebhookEndpointChange", "event_types"): _EVENTS,
}


def add_choices(schemas: Mapping[str, Any]) -> None:
    """Give each text of few words in *schemas*, by the name of its shape, the list of them."""
    for (shape, field), words in _CHOICES.items():
        if shape in schemas:
            described = schemas[shape]["properties"][field]
            described.get("items", described)["enum"] = list(words)
