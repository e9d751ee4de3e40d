"""What the handlers of the API work with, handed in as one value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.clock import Clock
from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.pool import Database
from ubl.identifiers import DocumentTypeId, ParticipantId

Lookup = Callable[[ParticipantId, DocumentTypeId], Awaitable[Mapping[str, Any]]]
Ping = Callable[[ParticipantId], Awaitable[Mapping[str, Any]]]


async def _always_ready() -> None:
    """Nothing but the database has to be there."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the API's handlers work with.

    *lookup* finds where a participant takes a document type, *ping* sends its access point a test
    message; both answer plain JSON and raise Fault or Unavailable. *ready* raises Unavailable while
    the gateway cannot take work, for example because it is stopping.
    """

    db: Database
    archive: Archive
    clock: Clock
    settings: Settings
    lookup: Lookup | None = None
    ping: Ping | None = None
    ready: Callable[[], Awaitable[None]] = _always_ready


SERVICES = web.AppKey("services", Services)
