"""The part of the OpenAPI document that says what webhooks are sent.  [OPENAPI §4.8.1]"""

from typing import Any, Final

import msgspec

from gateway.client.webhookmodel import DocumentNotice
from gateway.webhooks.events import EVENT_TYPES, NOTICES

__all__ = ["describe_webhooks"]

_HEADERS: Final = {
    "webhook-id": "the id of the event, the same in every repetition",
    "webhook-timestamp": "when this attempt was made, in seconds since 1970",
    "webhook-signature": "`v1,` and the Base64 of HMAC-SHA256, one for each secret that is good",
}


def describe_webhooks(reference: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the webhooks by type of event, and the schemas that they refer to by *reference*."""
    used = tuple(dict.fromkeys((DocumentNotice, *NOTICES.values())))
    schemas, components = msgspec.json.schema_components(used, ref_template=reference)
    by_shape = dict(zip(used, schemas, strict=True))
    described = {
        name: {"post": _describe(name, says, by_shape[NOTICES.get(name, DocumentNotice)])}
        for name, says in EVENT_TYPES.items()
    }
    return described, components


def _describe(name: str, says: str, data: Any) -> dict[str, Any]:
    message = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
    }
    return {
        "summary": f"{says[0].upper()}{says[1:]}.",
        "security": [],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": meaning,
                "schema": {"type": "string"},
            }
            for header, meaning in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": message}}},
        "responses": {
            "2XX": {"description": "Taken. Any other answer is tried again later."},
            "410": {"description": "The endpoint is gone: nothing more is sent to it."},
        },
    }
