"""Webhooks of a whole gateway that is killed again and again while it tells what happens."""

import asyncio
import signal
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.client import GatewayClient
from gateway.client.model import EventPage
from gateway.clock import SystemClock
from gateway.sandbox.hooks import Behaviour, HookReceiver, serve_hooks
from tests.support.api import SENDER, an_invoice
from tests.support.gateways import running, write_settings
from tests.support.pki import NOW

pytestmark = pytest.mark.system

DOCUMENTS = 6
KILLS = 2


def client_of(gateway):
    return GatewayClient(gateway.ready["api"], (gateway.data / "api-key").read_text().strip())


async def events_of(client):
    page = await client.ask(EventPage, "GET", "/v1/events?limit=200")
    assert not page.has_more
    return {each.id for each in page.events}


async def told(client, receiver):
    """Wait until all that happened was told; return the ids of it."""
    async with asyncio.timeout(90):
        while True:
            wanted = await events_of(client)
            if wanted <= {each.id for each in receiver.received}:
                return wanted
            await asyncio.sleep(0.1)


async def deliveries_of(client, endpoint):
    page = await client.webhook_deliveries(endpoint, limit=200)
    return Counter(each.event_id for each in page.deliveries)


async def test_a_gateway_killed_while_it_tells_tells_everything(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn, processes=2)
    receiver = HookReceiver(clock=SystemClock.starting_at(NOW))
    receiver.behaviour = Behaviour(delay_seconds=0.05)
    endpoint: UUID | None = None
    async with serve_hooks(receiver) as url:
        for kill in range(KILLS):
            async with running(config) as gateway, client_of(gateway) as client:
                if endpoint is None:
                    await client.register_participant(SENDER)
                    made = await client.create_webhook_endpoint(url)
                    endpoint, receiver.secret = made.id, made.secret
                for number in range(DOCUMENTS):
                    await client.send_document(an_invoice(number=f"{kill}-{number}"))
                await receiver.wait_for(len(receiver.received) + 4)
                await gateway.end(signal.SIGKILL)
        async with running(config) as gateway, client_of(gateway) as client:
            wanted = await told(client, receiver)
            assert len(wanted) >= KILLS * DOCUMENTS * 2
            assert all(each.is_genuine for each in receiver.received)
            bodies = {(each.id, each.body) for each in receiver.received}
            assert len(bodies) == len({each.id for each in receiver.received})
            made_for = await deliveries_of(client, endpoint)
            assert wanted <= set(made_for)
            assert set(made_for.values()) == {1}
            receiver.received.clear()
            await client.replay_webhooks(endpoint, since=NOW - timedelta(days=1))
            assert await told(client, receiver) == wanted
            bodies |= {(each.id, each.body) for each in receiver.received}
            assert len(bodies) == len(made_for)
