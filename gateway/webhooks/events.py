"""What an event is called and how it is told: the same to pollers and to webhooks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from gateway.client.webhookmodel import (
    DocumentNotice,
    EndpointNotice,
    ImportNotice,
    TrialNotice,
    WebhookMessage,
)
from gateway.store.documents import Document
from gateway.store.feed import About, FeedEvent

__all__ = [
    "EVENT_TYPES",
    "NOTICES",
    "event_id",
    "event_type",
    "read_event_id",
    "write_event",
]

TEXT_CHARACTERS_MAX: Final = 1_000  # LIMIT: a message stays far below 20 kB.

EVENT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "document.accepted": "a document was handed in and is kept",
        "document.checked": "it was checked with the rules that there are for it",
        "document.not_checked": "there were no rules to check it with",
        "document.looked_up": "its receiver was found",
        "document.sealed": "the message that carries it was made",
        "document.sealed_anew": "the message was made again, because nobody can have got it",
        "document.encryption_renewed": "the message was encrypted for a new certificate",
        "document.sending": "an attempt to send it began",
        "document.retried": "somebody had it tried again",
        "document.will_retry": "an attempt failed, another follows",
        "document.delivered": "it arrived: here, or with a signed receipt there",
        "document.refused": "the receiving access point signed a refusal",
        "document.failed": "it cannot be sent as it is",
        "document.uncertain": "it probably arrived, but there is no receipt",
        "document.gave_up": "no attempt succeeded in time",
        "document.waiting": "somebody has to decide, because it may have arrived",
        "document.received": "a document came in and is kept",
        "document.broken": "what came in cannot be read",
        "document.acknowledged": "it was taken out of the inbox",
        "import.done": "all documents of a file were accepted or refused",
        "import.cancelled": "somebody ended an import; what was accepted stays",
        "import.failed": "a file could not be worked through to its end",
        "endpoint.disabled": "an endpoint of the dossier gets nothing any more, because it failed",
        "webhook.test": "somebody asked for a test; every endpoint takes it",
    }
)
"""Every type of event, and what it means."""

NOTICES: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {
        "import.done": ImportNotice,
        "import.cancelled": ImportNotice,
        "import.failed": ImportNotice,
        "endpoint.disabled": EndpointNotice,
        "webhook.test": TrialNotice,
    }
)
"""What the data of an event is, by its type; all others are about documents."""


def event_id(subject_id: UUID, seq: int) -> str:
    """Return the id of the *seq*-th event of a document, or another: it is the same everywhere."""
    return f"evt_{subject_id.hex}_{seq}"


def event_type(name: str, about: About = About.DOCUMENT) -> str:
    """Return the type of the event *name*, which of a document is the step of its timeline."""
    return f"{about}.{name}"


def read_event_id(text: str) -> tuple[UUID, int] | None:
    """Return the id of what an event is about, and its number; None if *text* is no event id."""
    prefix, _, rest = text.partition("_")
    document, _, number = rest.partition("_")
    if prefix != "evt" or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    try:
        found = UUID(hex=document), int(number)
    except ValueError:
        return None
    return found if event_id(*found) == text else None


def write_event(event: FeedEvent, document: Document | None) -> str:
    """Return the message about an event; *document* is what it is about, if that is one.

    Of the document it has what never changes, and no content: an event has the same message
    whenever it is written.
    """
    kind = event_type(event.event.name, event.about)
    if document is None:
        data: msgspec.Struct = msgspec.convert(event.event.detail, NOTICES[kind], strict=False)
    else:
        data = _notice(event, document)
    message = WebhookMessage(type=kind, timestamp=event.event.at, data=msgspec.to_builtins(data))
    return msgspec.json.encode(message).decode()


def _notice(event: FeedEvent, document: Document) -> DocumentNotice:
    text = event.event.detail.get("text")
    return DocumentNotice(
        document_id=event.subject_id,
        seq=event.event.seq,
        direction=document.direction,
        kind=document.kind,
        number=None if document.number is None else _short(document.number),
        sender=document.sender,
        receiver=document.receiver,
        text=_short(text) if isinstance(text, str) else "",
    )


def _short(text: str) -> str:
    return text[:TEXT_CHARACTERS_MAX]
