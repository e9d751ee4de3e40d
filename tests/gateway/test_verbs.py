"""Each address of the API has its method in the client and its verb in the commands."""

from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest
from aiohttp import web

from gateway.client import Fault, GatewayClient
from gateway.client.model import DossierChange
from gateway.client.webhookmodel import WebhookEndpointChange
from gateway.sandbox.loopback import serve_application
from gateway.web.routes import API_ROUTES
from tests.support.command import run_beside

ID, WHO = UUID(int=7), "0208:0123456749"
DOCUMENT, FILE = f"documents {{}} {ID}", "file.xml"


async def all_of(pieces):
    async for _ in pieces:
        pass


VERBS = {
    "POST /v1/documents": (lambda c: c.send_document(b"<x/>"), f"send {FILE}"),
    "GET /v1/documents": (lambda c: c.list_documents(), "documents list"),
    "GET /v1/documents/{id}": (lambda c: c.document(ID), DOCUMENT.format("show")),
    "GET /v1/documents/{id}/timeline": (lambda c: c.timeline(ID), DOCUMENT.format("timeline")),
    "GET /v1/documents/{id}/ubl": (lambda c: c.ubl(ID), DOCUMENT.format("fetch") + " ubl"),
    "GET /v1/documents/{id}/evidence": (
        lambda c: c.evidence(ID), DOCUMENT.format("fetch") + " evidence",
    ),
    "GET /v1/documents/{id}/html": (
        lambda c: all_of(c.stream(ID, "html")), DOCUMENT.format("fetch") + " html",
    ),
    "GET /v1/documents/{id}/pdf": (
        lambda c: all_of(c.stream(ID, "pdf")), DOCUMENT.format("fetch") + " pdf",
    ),
    "GET /v1/documents/{id}/attachments/{number}": (
        lambda c: all_of(c.attachment(ID, 1)), DOCUMENT.format("attachment") + " 1",
    ),
    "POST /v1/documents/batch": (lambda c: c.send_batch([]), f"documents batch {FILE}"),
    "POST /v1/documents/{id}/retry": (lambda c: c.retry(ID), DOCUMENT.format("retry")),
    "POST /v1/documents/{id}/cancel": (lambda c: c.cancel(ID), DOCUMENT.format("cancel")),
    "POST /v1/documents/{id}/ack": (lambda c: c.acknowledge(ID), DOCUMENT.format("ack")),
    "GET /v1/inbox": (lambda c: c.inbox(), "documents inbox"),
    "GET /v1/events": (lambda c: c.events(), "events"),
    "POST /v1/imports": (lambda c: c.start_import(b"{}"), f"imports start {FILE}"),
    "GET /v1/imports": (lambda c: c.imports(), "imports list"),
    "GET /v1/imports/{id}": (lambda c: c.find_import(ID), f"imports show {ID}"),
    "POST /v1/imports/{id}/cancel": (lambda c: c.cancel_import(ID), f"imports cancel {ID}"),
    "GET /v1/imports/{id}/results": (lambda c: c.import_results(ID), f"imports results {ID}"),
    "POST /v1/validate": (lambda c: c.validate(b"<x/>"), f"documents validate {FILE}"),
    "GET /v1/participants": (lambda c: c.participants(), "participants list"),
    "PUT /v1/participants/{participant}": (
        lambda c: c.register_participant(WHO), f"participants register {WHO}",
    ),
    "GET /v1/participants/{participant}": (
        lambda c: c.participant(WHO), f"participants show {WHO}",
    ),
    "DELETE /v1/participants/{participant}": (
        lambda c: c.remove_participant(WHO), f"participants remove {WHO}",
    ),
    "GET /v1/lookup/{participant}": (lambda c: c.lookup(WHO), f"lookup {WHO}"),
    "POST /v1/ping/{participant}": (lambda c: c.ping(WHO), f"ping {WHO}"),
    "POST /v1/dossiers": (lambda c: c.create_dossier("x", "BE"), "dossiers create x"),
    "GET /v1/dossiers": (lambda c: c.dossiers(), "dossiers list"),
    "GET /v1/dossiers/{id}": (lambda c: c.dossier(ID), f"dossiers show {ID}"),
    "PATCH /v1/dossiers/{id}": (
        lambda c: c.change_dossier(ID, DossierChange()), f"dossiers change {ID} --name x",
    ),
    "POST /v1/api-keys": (lambda c: c.create_api_key("x", ["*"]), "keys create x --scope *"),
    "GET /v1/api-keys": (lambda c: c.api_keys(), "keys list"),
    "GET /v1/api-keys/{id}": (lambda c: c.api_key(ID), f"keys show {ID}"),
    "POST /v1/api-keys/{id}/rotate": (lambda c: c.rotate_api_key(ID), f"keys rotate {ID}"),
    "POST /v1/api-keys/{id}/revoke": (lambda c: c.revoke_api_key(ID), f"keys revoke {ID}"),
    "POST /v1/webhook-endpoints": (
        lambda c: c.create_webhook_endpoint("https://a.example"), "webhooks create https://a.example",
    ),
    "GET /v1/webhook-endpoints": (lambda c: c.webhook_endpoints(), "webhooks list"),
    "GET /v1/webhook-endpoints/{id}": (lambda c: c.webhook_endpoint(ID), f"webhooks show {ID}"),
    "PATCH /v1/webhook-endpoints/{id}": (
        lambda c: c.change_webhook_endpoint(ID, WebhookEndpointChange()),
        f"webhooks change {ID} --address https://a.example",
    ),
    "DELETE /v1/webhook-endpoints/{id}": (
        lambda c: c.delete_webhook_endpoint(ID), f"webhooks delete {ID}",
    ),
    "POST /v1/webhook-endpoints/{id}/rotate-secret": (
        lambda c: c.rotate_webhook_secret(ID), f"webhooks rotate {ID}",
    ),
    "POST /v1/webhook-endpoints/{id}/test": (
        lambda c: c.test_webhook_endpoint(ID), f"webhooks test {ID}",
    ),
    "GET /v1/webhook-endpoints/{id}/deliveries": (
        lambda c: c.webhook_deliveries(ID), f"webhooks deliveries {ID}",
    ),
    "POST /v1/webhook-endpoints/{id}/replay": (
        lambda c: c.replay_webhooks(ID, event_id="e"), f"webhooks replay {ID} --event-id e",
    ),
}  # fmt: skip
"""What asks each address: a method of the client, and the words of a command.

What needs no key is read by people and by monitors, and has neither.
"""


@asynccontextmanager
async def listening():
    """A server with all addresses of the API; yields its own, and which of them were asked."""
    asked = []

    def refuse(route):
        async def answer(request):
            asked.append((f"{route.method} {route.path}", request.headers.get("Dossier")))
            return web.json_response({}, status=404)

        return answer

    app = web.Application()
    for route in API_ROUTES:
        app.router.add_route(route.method, route.path, refuse(route))
    async with serve_application(app) as url:
        yield url, asked


def test_each_address_that_needs_a_key_is_in_the_table():
    assert set(VERBS) == {
        f"{route.method} {route.path}" for route in API_ROUTES if route.scope is not None
    }


async def test_each_method_of_the_client_asks_its_address():
    async with listening() as (url, asked), GatewayClient(url, "k") as client:
        for address, (method, _) in VERBS.items():
            with suppress(Fault):
                await method(client)
            assert asked.pop() == (address, None)
        assert asked == []


@pytest.mark.parametrize("address", VERBS)
async def test_each_command_asks_its_address_in_the_dossier_that_is_named(
    address, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_text("<x/>")
    (tmp_path / "key").write_text("k")
    async with listening() as (url, asked):
        access = ("--url", url, "--api-key-file", "key", "--dossier", ID)
        ended = await run_beside(capsys, *VERBS[address][1].split(), *access)
    assert (ended.code, asked) == (1, [(address, str(ID))]), ended
