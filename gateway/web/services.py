"""What the handlers of the API work with, handed in as one value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.clock import Clock
from gateway.exchange.checking import Checking
from gateway.exchange.forms import Forms
from gateway.exchange.route import Finder
from gateway.rendering.press import Press
from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.locks import Locks
from gateway.store.pool import Database
from ubl.identifiers import ParticipantId

Ping = Callable[[ParticipantId], Awaitable[Mapping[str, Any]]]


async def _always_ready() -> None:
    """Nothing but the database has to be there."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the API's handlers work with.

    *finder* looks receivers up; *ping* sends a participant's access point a test message and says
    in plain JSON how it ended (`gateway.exchange.ping.Pinger.ping`). *ready* raises Unavailable
    while the gateway cannot take work, for example because it is stopping. *press* shows documents;
    the application closes it.
    """

    db: Database
    archive: Archive
    clock: Clock
    settings: Settings
    checking: Checking
    forms: Forms
    locks: Locks
    finder: Finder | None = None
    ping: Ping | None = None
    ready: Callable[[], Awaitable[None]] = _always_ready
    press: Press = field(default_factory=Press)


SERVICES = web.AppKey("services", Services)
