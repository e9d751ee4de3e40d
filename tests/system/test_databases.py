"""A gateway's whole day, on a server of its own and on an operator's: nothing differs.

PEPPOL_TEST_DATABASE_URL may name an operator's own server; then that one is used as well.
"""

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.sandbox.hooks import HookReceiver, serve_hooks
from tests.support.api import RECEIVER, SENDER, an_invoice
from tests.support.external import OWN, PASSWORD, ExternalServer, a_site, on_own_server
from tests.support.gateways import running, write_settings
from tests.support.imports import lines, ubl_line
from tests.support.pki import NOW, leaf

pytestmark = pytest.mark.system

PLACES = ["embedded", "external", *(["own"] if OWN in os.environ else [])]


@asynccontextmanager
async def place(name, folder):
    """The address of a database that nobody used before; None for the gateway's own server."""
    if name == "embedded":
        yield None
    elif name == "own":
        async with on_own_server() as url:
            yield url
    else:
        server = ExternalServer(folder)
        await server.start()
        try:
            async with a_site(server) as site:
                yield site.url
        finally:
            await server.stop()


async def until_told(receiver, *types):
    async with asyncio.timeout(60):
        while not set(types) <= {each.message.type for each in receiver.received}:  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", PLACES)
async def test_a_day_of_a_gateway_is_the_same_on_each_database(name, tmp_path):
    receiver = HookReceiver(clock=SystemClock.starting_at(NOW))
    async with place(name, tmp_path / "server") as url, serve_hooks(receiver) as hook:
        (tmp_path / "gateway").mkdir()
        config = write_settings(tmp_path / "gateway", database_url=url)
        async with running(config, "--log-level", "debug") as gateway:
            first = (gateway.data / "api-key").read_text().strip()
            async with GatewayClient(gateway.ready["api"], first) as office:
                await live(office, gateway, receiver, hook)
            assert await gateway.end() == 0
            assert (gateway.data / "postgres").exists() == (url is None)
            assert PASSWORD not in gateway.log.read_text()


async def live(office, gateway, receiver, hook):
    """A software house's day: dossier, key, webhook, a document there and back, an import."""
    made = await office.create_dossier("Acme", "BE")
    scopes = ("documents:read", "documents:write", "participants:write", "webhooks:write")
    key = await office.create_api_key("software", scopes, dossiers=[made.id])
    async with GatewayClient(gateway.ready["api"], key.key) as books:
        receiver.secret = (await books.create_webhook_endpoint(hook)).secret
        for participant in (SENDER, RECEIVER):
            await books.register_participant(participant)
        document = await books.send_document(
            an_invoice(number="1"),
            endpoint=f"{gateway.ready['public']}/as4",
            certificate=leaf("sender").certificate_der,
        )
        sent = await books.wait_for(document.id)
        assert sent.status == "delivered", await books.timeline(document.id)
        await until_told(receiver, "document.received", "document.delivered")
        [received] = (await books.inbox()).documents
        assert (received.number, received.sha256) == ("1", sent.sha256)
        await books.acknowledge(received.id)
        assert (await books.inbox()).documents == ()
        file = lines(ubl_line("2"), ubl_line("3"), ubl_line("1"))
        done = await books.wait_for_import((await books.start_import(file)).id)
        assert (done.status, done.accepted, done.refused) == ("done", 2, 1)
        assert all(each.is_genuine for each in receiver.received)
    assert (await office.list_documents()).documents == ()
