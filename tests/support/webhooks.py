"""Webhooks for tests: an API with an endpoint, its receiver, and the sending step by step."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from gateway.clock import SystemClock
from gateway.egress import Egress, EgressRules, tls_context
from gateway.sandbox.hooks import HookReceiver, serve_hooks
from gateway.store.documents import append_event, insert_document
from gateway.store.locks import Locks
from gateway.store.pool import Database
from gateway.store.webhooks.deliveries import (
    Attempt,
    NewDelivery,
    Result,
    insert_deliveries,
    record_attempt,
)
from gateway.store.webhooks.endpoints import add_secret, insert_endpoint
from gateway.store.webhooks.reading import find_due_endpoints
from gateway.webhooks.relay import Relay
from gateway.webhooks.sending import Sender
from tests.support.api import Api, ask
from tests.support.store import a_document

SANDBOX = EgressRules(sandbox=True)


class MovableClock(SystemClock):
    """The machine's clock, which can be put forward."""

    def move(self, **time):
        self._offset += timedelta(**time)
        self._offset_ms = self._offset // timedelta(milliseconds=1)


@dataclass
class Telling:
    """What tells endpoints: each of its steps is taken when a test says so."""

    db: Database
    clock: MovableClock
    relay: Relay
    sender: Sender
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self):
        """Let all endpoints read all of their feeds."""
        while await self.relay.run_once():
            pass

    async def send(self):
        """Give each endpoint that is due one turn."""
        async with self.db.exchange_statements() as xtx:
            due = await find_due_endpoints(xtx, now=self.clock.now(), without=[], limit=100)
        return sum([await self.sender.take_turn(each.ref, self.stop) for each in due])

    async def tell(self):
        """Read and send until nothing is due."""
        await self.read()
        while await self.send():
            await self.read()


@asynccontextmanager
async def telling(db, *, rules=SANDBOX, notifier=None, timeout_seconds=1.0, resolver=None):
    clock, locks = MovableClock(), Locks(db.dsn)
    egress = Egress(rules, tls=tls_context(), post_timeout_seconds=5, resolver=resolver)
    try:
        async with egress:
            yield Telling(
                db,
                clock,
                Relay(db, locks, clock),
                Sender(db, locks, clock, notifier or egress, timeout_seconds=timeout_seconds),
            )
    finally:
        await locks.close()


@dataclass
class Hooked:
    """An API, a receiver that is one of its endpoints, and what tells it."""

    api: Api
    receiver: HookReceiver
    telling: Telling
    url: str
    endpoint: dict

    @property
    def path(self):
        return f"/v1/webhook-endpoints/{self.endpoint['id']}"

    async def ask(self, method, path="", **given):
        status, _, body = await ask(self.api, method, self.path + path, **given)
        return status, body

    async def happen(self, *names, **given):
        """Let something happen to a document (a new one); return its id."""
        return await happen(self.api.services.db, self.api.dossier, *names, **given)

    async def deliveries(self):
        """All deliveries of the endpoint, the oldest first."""
        status, page = await self.ask("GET", "/deliveries?limit=200")
        assert (status, page["has_more"]) == (200, False)
        return page["deliveries"][::-1]


async def happen(db, dossier, *names, document_id=None, text=None, number=None) -> UUID:
    clock = SystemClock()
    async with db.transaction(dossier) as tx:
        if document_id is None:
            document_id = (await insert_document(tx, a_document(number=number))).id
        for name in names or ("accepted",):
            detail = {"text": text or f"It was {name}"}
            await append_event(tx, document_id, name, detail, now=clock.now())
    return document_id


async def an_endpoint(api, url, **wanted):
    status, _, made = await ask(api, "POST", "/v1/webhook-endpoints", json={"url": url, **wanted})
    assert status == 201, made
    return made


@asynccontextmanager
async def hooked(api, **given):
    """A receiver that is told what happens in the API's dossier; *given* is for `telling`."""
    wanted = given.pop("wanted", {})
    receiver = HookReceiver()
    async with serve_hooks(receiver) as url, telling(api.services.db, **given) as told:
        endpoint = await an_endpoint(api, url, **wanted)
        receiver.secret = endpoint.pop("secret")
        yield Hooked(api, receiver, told, url, endpoint)


async def a_told_endpoint(tx) -> UUID:
    """Make an endpoint with a secret, a delivery of it, and one attempt; return the endpoint."""
    clock = SystemClock()
    now, endpoint_id, delivery_id = clock.now(), clock.uuid(), clock.uuid()
    url = "https://hook.example"
    assert await insert_endpoint(
        tx, endpoint_id, url=url, description=None, event_types=[], now=now
    )
    await add_secret(tx, endpoint_id, bytes(32), now=now, others_until=now)
    new = NewDelivery(id=delivery_id, event_id="evt_1", event_type="webhook.test", body="{}")
    await insert_deliveries(tx, endpoint_id, [new], now=now)
    attempt = Attempt(number=1, at=now, milliseconds=1, status=500, answer="", error=None)
    assert await record_attempt(tx, delivery_id, attempt, Result("pending", now))
    return endpoint_id
