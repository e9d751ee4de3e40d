"""What every address keeps to: parameters, HEAD, secrets, request ids, names of codes."""

import asyncio
import re

import pytest

from gateway.client.webhookmodel import NewWebhookEndpoint
from gateway.exchange.states import Status
from gateway.web.help import catalogue
from gateway.web.routes import API_ROUTES
from gateway.web.scopes import Scope
from gateway.webhooks.events import EVENT_TYPES
from tests.gateway.test_access import path_of
from tests.support.api import ask
from tests.support.contract import document

OPEN = [route for route in API_ROUTES if route.scope is None]


async def test_no_address_takes_a_parameter_that_it_does_not_have(api):
    for route in API_ROUTES:
        if route.scope is None:
            continue
        known = [each.name for each in route.parameters if each.place == "query"]
        status, _, problem = await ask(api, route.method, f"{path_of(route)}?statuss=open")
        assert (status, problem["code"]) == (422, "unknown-parameter"), route.path
        [error] = problem["errors"]
        assert error["location"] == "statuss"
        assert all(name in error["message"] for name in known), error


@pytest.mark.parametrize("route", OPEN, ids=lambda route: route.path)
async def test_head_of_what_is_open_is_get_without_a_body(api, route):
    path = route.path.format(code="internal", file="try.js")
    status, headers, body = await ask(api, "HEAD", path, key="")
    asked, got, _ = await ask(api, "GET", path, key="")
    assert (status, body) == (asked, b"") == (200, b"")
    assert headers["Content-Length"] == got["Content-Length"]


async def test_fresh_secrets_are_kept_by_nothing_on_their_way(api):
    key = {"name": "x", "scopes": ["lookup"]}
    hook = {"url": "http://127.0.0.1:1/hooks"}
    for path, body, rotate in (
        ("/v1/api-keys", key, "rotate"),
        ("/v1/webhook-endpoints", hook, "rotate-secret"),
    ):
        for _ in range(2):
            again = {"Idempotency-Key": "k"}
            status, headers, made = await ask(api, "POST", path, json=body, headers=again)
            assert (status, headers["Cache-Control"]) == (201, "no-store")
        _, headers, _ = await ask(api, "POST", f"{path}/{made['id']}/{rotate}")
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "request_text",
    ["no HTTP\r\n\r\n", "GET /docs HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n"],
)
async def test_errors_of_the_server_itself_carry_a_request_id(api, request_text):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    writer.write(request_text.encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    size = int(re.search(r"Content-Length: (\d+)", head)[1])
    body = (await reader.readexactly(size)).decode()
    writer.close()
    number = re.search(r"X-Request-Id: (\S+)", head)[1]
    assert f"urn:uuid:{number}" in body


def test_codes_are_written_alike():
    assert [code for code in catalogue() if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)] == []


def test_texts_of_few_words_say_which():
    schemas = document()["components"]["schemas"]
    shown = schemas["Document"]["properties"]
    assert (shown["direction"]["enum"], shown["status"]["enum"]) == (["in", "out"], list(Status))
    scopes = schemas["NewApiKey"]["properties"]["scopes"]["items"]["enum"]
    assert scopes == [*Scope, "*"]
    events = schemas[NewWebhookEndpoint.__name__]["properties"]["event_types"]["items"]["enum"]
    assert events == list(EVENT_TYPES)
