"""A receiver of webhooks for tests, stories and the demo: it verifies, and can behave badly.

It takes messages at the address it yields and keeps those whose signature holds.  How it answers
is decided message by message: as asked, too late, never, without end, or half.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec
from aiohttp import web

from gateway.client.signing import verify
from gateway.client.webhookmodel import WebhookMessage
from gateway.clock import Clock, SystemClock
from gateway.sandbox.loopback import serve_application

__all__ = ["Behaviour", "HookReceiver", "Received", "serve_hooks"]

MESSAGE_BYTES_MAX: Final = 20 * 1024  # LIMIT: what a webhook may have.
KEPT_MAX: Final = 100_000  # LIMIT: messages that are kept.
_DRIP_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a message is answered: after *delay_seconds* with *status*, *headers* and *body*.

    *drips*: the body never ends; *hangs*: no answer comes; *breaks_off*: the connection is closed
    after half of the answer.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_seconds: float = 0.0
    drips: bool = False
    hangs: bool = False
    breaks_off: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came: its id, its content, and whether its signature holds."""

    id: str
    message: WebhookMessage
    is_genuine: bool
    headers: Mapping[str, str]
    body: bytes


class HookReceiver:
    """What a receiver of webhooks has got, and how it answers.

    *secret* (`whsec_…`) is what signatures are verified with; without it none is genuine.
    *script* answers the next messages, one each; when it is used up, *behaviour* answers.
    """

    def __init__(self, secret: str = "", *, clock: Clock | None = None) -> None:
        self.secret = secret
        self.behaviour = Behaviour()
        self.script: list[Behaviour] = []
        self.received: list[Received] = []
        self._clock = clock or SystemClock()
        self._came = asyncio.Condition()

    @property
    def genuine(self) -> list[Received]:
        """The messages whose signature holds, in the order in which they came."""
        return [each for each in self.received if each.is_genuine]

    async def wait_for(self, count: int, *, timeout_seconds: float = 30.0) -> list[Received]:
        """Return what came once it is *count* messages; raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds), self._came:
            await self._came.wait_for(lambda: len(self.received) >= count)
        return list(self.received)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a message."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            message = msgspec.json.decode(body, type=WebhookMessage)
        except msgspec.MsgspecError:
            return web.Response(status=400, text="this is no webhook")
        is_genuine = verify(self.secret, headers, body, now=self._clock.now())
        async with self._came:
            if len(self.received) < KEPT_MAX:
                new = Received(headers.get("webhook-id", ""), message, is_genuine, headers, body)
                self.received.append(new)
            self._came.notify_all()
        return await _answer(request, self.script.pop(0) if self.script else self.behaviour)


async def _answer(request: web.Request, behaviour: Behaviour) -> web.StreamResponse:
    await asyncio.sleep(behaviour.delay_seconds)
    if behaviour.hangs:
        await asyncio.Event().wait()
    if not (behaviour.drips or behaviour.breaks_off):
        return web.Response(status=behaviour.status, headers=behaviour.headers, body=behaviour.body)
    response = web.StreamResponse(status=behaviour.status, headers=behaviour.headers)
    if behaviour.breaks_off:
        response.content_length = 2 * len(behaviour.body) + 2
    await response.prepare(request)
    await response.write(behaviour.body or b".")
    while behaviour.drips:
        await asyncio.sleep(_DRIP_SECONDS)
        await response.write(behaviour.body or b".")
    if request.transport is not None:
        request.transport.close()
    return response


@asynccontextmanager
async def serve_hooks(receiver: HookReceiver) -> AsyncIterator[str]:
    """Serve *receiver* on loopback; yield the address for an endpoint."""
    application = web.Application(client_max_size=MESSAGE_BYTES_MAX)
    application.router.add_post("/hooks", receiver.handle)
    async with serve_application(application) as url:
        yield f"{url}/hooks"
