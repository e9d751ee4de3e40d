"""Instants at the ends of time, and of other zones: asked for, sent, and answered."""

import typing
from datetime import UTC, datetime

import msgspec
import pytest

from gateway.store.documents import append_event, insert_document
from gateway.web.routes import API_ROUTES
from tests.support.api import ask
from tests.support.store import NOW, a_document

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
KEPT = {FIRST: "0001-01-01T00:00:00.000001Z", LAST: "9999-12-31T23:59:59.999998Z"}
"""What is kept of them: the ends themselves are infinity to the driver of the database."""
BEYOND = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00")
"""Instants that have no date in UTC."""


@pytest.fixture
async def happened(api):
    """Something has happened: what looks for a place finds one to compare with."""
    document = a_document()
    async with api.services.db.transaction(api.dossier) as tx:
        await insert_document(tx, document)
        await append_event(tx, document.id, "accepted", {}, now=NOW)
    return document.id


@pytest.fixture
async def endpoint(api):
    status, _, made = await ask(
        api, "POST", "/v1/webhook-endpoints", json={"url": "https://hook.example"}
    )
    assert status == 201
    return made["id"]


def body_of(field, value, endpoint):
    """The request that sends *value* as *field*: address and body."""
    return {
        "expires_at": ("/v1/api-keys", {"name": "k", "scopes": ["*"], "expires_at": value}),
        "since": (f"/v1/webhook-endpoints/{endpoint}/replay", {"since": value}),
    }[field]


def is_instant(kind):
    return datetime in (kind, *map(is_part, typing.get_args(kind)))


def is_part(kind):
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def test_these_are_the_instants_that_requests_have():
    shapes = {body.shape for route in API_ROUTES for body in route.sends if body.shape is not None}
    fields = {
        name
        for shape in shapes
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct)
        for name, kind in typing.get_type_hints(shape).items()
        if is_instant(kind)
    }
    assert fields == {"expires_at", "since"}
    named = {each.name for route in API_ROUTES for each in route.parameters}
    assert named & {"since", "updated_after", "until", "before"} == {"since", "updated_after"}


@pytest.mark.usefixtures("happened")
@pytest.mark.parametrize("path", ["/v1/events?since=", "/v1/documents?updated_after="])
async def test_a_page_may_begin_at_the_ends_of_time(api, path):
    for text, count in ((FIRST, 1), (LAST, 0)):
        status, _, page = await ask(api, "GET", path + text)
        assert (status, len(page.get("events", page.get("documents")))) == (200, count)
    for text in BEYOND:
        status, _, problem = await ask(api, "GET", path + text.replace("+", "%2B"))
        assert (status, problem["code"][:4]) == (422, "bad-")


@pytest.mark.usefixtures("happened")
async def test_a_replay_and_a_key_may_reach_to_the_ends_of_time(api, endpoint):
    for text in (LAST, LAST, FIRST, FIRST):
        path, body = body_of("since", text, endpoint)
        status, _, answer = await ask(api, "POST", path, json=body)
        assert (status, answer["replaying_since"]) == (202, KEPT[text])
    path, body = body_of("expires_at", LAST, endpoint)
    status, _, key = await ask(api, "POST", path, json=body)
    assert (status, key["expires_at"]) == (201, KEPT[LAST])
    _, _, keys = await ask(api, "GET", "/v1/api-keys")
    assert KEPT[LAST] in [each["expires_at"] for each in keys["api_keys"]]
    for field in ("since", "expires_at"):
        for text in BEYOND:
            path, body = body_of(field, text, endpoint)
            status, _, problem = await ask(api, "POST", path, json=body)
            assert (status, problem["code"]) == (422, "bad-json"), text
            assert problem["errors"][0]["location"] == f"/{field}"


async def test_an_instant_of_another_zone_is_answered_in_utc(api, endpoint):
    asked = datetime.fromisoformat("2030-01-01T03:00:00+05:00")
    wanted = asked.astimezone(UTC).isoformat().replace("+00:00", "Z")
    for field, answered in (("since", "replaying_since"), ("expires_at", "expires_at")):
        path, body = body_of(field, asked.isoformat(), endpoint)
        _, _, answer = await ask(api, "POST", path, json=body)
        assert answer[answered] == wanted
