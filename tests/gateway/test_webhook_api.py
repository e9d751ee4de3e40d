"""Webhook endpoints over the API: made, changed, their secrets rotated, tested, replayed."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.client import webhookmodel as model
from gateway.errors import Fault
from gateway.settings import Stage
from gateway.store.webhooks.endpoints import ENDPOINTS_MAX, SECRETS_MAX
from gateway.webhooks.events import EVENT_TYPES
from tests.support.api import another_dossier, ask, run_api
from tests.support.contract import complaints
from tests.support.webhooks import an_endpoint, hooked

URL = "https://hook.example/in"
PATH = "/v1/webhook-endpoints"


@pytest.fixture
async def hook(api):
    async with hooked(api) as made:
        yield made


async def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(api):
    wanted = {"url": URL, "description": "books", "event_types": ["document.delivered"]}
    status, headers, made = await ask(api, "POST", PATH, json=wanted)
    assert (status, headers["Location"]) == (201, f"{PATH}/{made['id']}")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["url"], made["description"]) == (URL, "books")
    assert (made["is_enabled"], made["disabled_reason"]) == (True, None)
    status, _, shown = await ask(api, "GET", f"{PATH}/{made['id']}")
    assert (status, shown) == (200, made)
    _, _, listed = await ask(api, "GET", PATH)
    assert listed == {"webhook_endpoints": [made]}


async def test_the_same_request_makes_one_endpoint_and_shows_its_secret_again(api):
    key = {"Idempotency-Key": "one"}
    _, _, first = await ask(api, "POST", PATH, json={"url": URL}, headers=key)
    _, headers, again = await ask(api, "POST", PATH, json={"url": URL}, headers=key)
    assert (again, headers["Idempotent-Replayed"]) == (first, "true")
    assert len((await ask(api, "GET", PATH))[2]["webhook_endpoints"]) == 1


async def test_a_secret_is_not_kept_readable_in_the_stored_answer(api):
    key = {"Idempotency-Key": "one"}
    _, _, made = await ask(api, "POST", PATH, json={"url": URL}, headers=key)
    async with api.services.db.transaction(api.dossier) as tx:
        stored = await tx.connection.fetchval("SELECT body FROM idempotency_keys")
    assert made["secret"].encode() not in stored


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hook.example/",
        "hook.example",
        "https://",
        "https://user:password@hook.example/",
        "https://hook.example/#part",
        "https://hook.example/a b",
        "https://10.0.0.1/",
        "https://[fd00::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0x7f.1.example:99999/",
        "https://192.168.1.1:8443/",
        "https://a..b/",
        f"https://{'a' * 64}.example/",
    ],
)
async def test_an_address_that_nothing_is_sent_to_is_refused(api, url):
    status, _, problem = await ask(api, "POST", PATH, json={"url": url})
    assert (status, problem["code"]) == (422, "bad-webhook-url")
    assert problem["errors"][0]["location"] == "/url"
    made = await an_endpoint(api, URL)
    status, _, problem = await ask(api, "PATCH", f"{PATH}/{made['id']}", json={"url": url})
    assert (status, problem["code"]) == (422, "bad-webhook-url")


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://hook.example:25/",
        "https://hook.example:80/",
    ],
)
async def test_outside_the_sandbox_only_public_https_addresses_are_taken(database, tmp_path, url):
    async with run_api(database, tmp_path, stage=Stage.TEST) as api:
        status, _, problem = await ask(api, "POST", PATH, json={"url": url})
        assert (status, problem["code"]) == (422, "bad-webhook-url")
        assert (await ask(api, "POST", PATH, json={"url": "https://hook.example:8443/"}))[0] == 201


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "bad-json"),
        ({"url": 1}, "bad-json"),
        ({"url": ""}, "bad-json"),
        ({"url": URL, "extra": 1}, "bad-json"),
        ({"url": f"{URL}/{'x' * 3000}"}, "bad-json"),
        ({"url": URL, "event_types": ["document.delivred"]}, "unknown-event-type"),
        ({"url": URL, "event_types": ["x"] * 51}, "bad-json"),
        ({"url": URL, "description": "a\0"}, "bad-text"),
    ],
)
async def test_what_is_no_endpoint_is_refused(api, wanted, code):
    status, _, problem = await ask(api, "POST", PATH, json=wanted)
    assert (status, problem["code"]) == (422, code)
    assert (await ask(api, "GET", PATH))[2]["webhook_endpoints"] == []


async def test_a_dossier_has_so_many_endpoints_and_no_more(api):
    for _ in range(ENDPOINTS_MAX):
        made = await an_endpoint(api, URL)
    status, _, problem = await ask(api, "POST", PATH, json={"url": URL})
    assert (status, problem["code"]) == (409, "too-many-webhook-endpoints")
    assert (await ask(api, "DELETE", f"{PATH}/{made['id']}"))[0] == 204
    assert (await ask(api, "POST", PATH, json={"url": URL}))[0] == 201


async def test_an_endpoint_is_changed_where_something_is_said(api):
    made = await an_endpoint(api, URL, description="old", event_types=["document.failed"])
    path = f"{PATH}/{made['id']}"
    status, _, changed = await ask(api, "PATCH", path, json={"description": None})
    assert (status, changed["description"], changed["url"]) == (200, None, URL)
    _, _, changed = await ask(api, "PATCH", path, json={"url": f"{URL}2", "event_types": []})
    assert (changed["url"], changed["event_types"]) == (f"{URL}2", [])
    _, _, changed = await ask(api, "PATCH", path, json={"is_enabled": False})
    assert (changed["is_enabled"], changed["disabled_reason"]) == (False, "requested")
    assert changed["disabled_at"] is not None
    _, _, same = await ask(api, "PATCH", path, json={})
    assert same["disabled_reason"] == "requested"


async def test_another_dossier_sees_and_changes_nothing(api, database):
    made = await an_endpoint(api, URL)
    key = await another_dossier(database)
    assert (await ask(api, "GET", PATH, key=key))[2] == {"webhook_endpoints": []}
    for method, rest in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/test"),
        ("GET", "/deliveries"), ("POST", "/replay"),
    ):  # fmt: skip
        body = {"since": "2026-01-01T00:00:00Z"} if rest == "/replay" else {}
        status, _, problem = await ask(
            api, method, f"{PATH}/{made['id']}{rest}", key=key, json=body
        )
        assert (status, problem["code"]) == (404, "webhook-endpoint-not-found"), rest


async def test_after_a_rotation_both_secrets_sign_and_then_the_new_one_alone(hook):
    status, fresh = await hook.ask("POST", "/rotate-secret", json={"overlap_seconds": 60})
    assert status == 201
    await hook.happen()
    await hook.telling.tell()
    [both] = hook.receiver.received
    for secret in (hook.receiver.secret, fresh["secret"]):
        assert Webhook(secret).verify(both.body, dict(both.headers))
    hook.telling.clock.move(seconds=61)
    await hook.happen()
    await hook.telling.tell()
    last = hook.receiver.received[-1]
    assert Webhook(fresh["secret"]).verify(last.body, dict(last.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(hook.receiver.secret).verify(last.body, dict(last.headers))


async def test_only_a_few_secrets_are_good_at_a_time(hook):
    for _ in range(SECRETS_MAX - 1):
        assert (await hook.ask("POST", "/rotate-secret"))[0] == 201
    status, problem = await hook.ask("POST", "/rotate-secret")
    assert (status, problem["code"]) == (409, "too-many-webhook-secrets")


async def test_a_rotation_without_overlap_ends_the_old_secrets_at_once(hook):
    for _ in range(SECRETS_MAX + 1):
        _, fresh = await hook.ask("POST", "/rotate-secret", json={"overlap_seconds": 0})
    await hook.happen()
    await hook.telling.tell()
    [came] = hook.receiver.received
    assert len(came.headers["webhook-signature"].split(" ")) == 1
    assert Webhook(fresh["secret"]).verify(came.body, dict(came.headers))


async def test_a_test_is_sent_whatever_the_endpoint_wants(api):
    async with hooked(api, wanted={"event_types": ["document.failed"]}) as hook:
        status, asked = await hook.ask("POST", "/test")
        await hook.telling.tell()
        [came] = hook.receiver.genuine
        [delivery] = await hook.deliveries()
    assert (status, asked["delivery"]["event_id"]) == (202, came.id)
    assert came.message.type == "webhook.test"
    assert (delivery["id"], delivery["status"]) == (asked["delivery"]["id"], "delivered")
    assert delivery["message"]["data"]["endpoint_id"] == hook.endpoint["id"]


@pytest.mark.parametrize("rest", ["/test", "/replay"])
async def test_to_a_disabled_endpoint_nothing_is_sent(hook, rest):
    await hook.ask("PATCH", json={"is_enabled": False})
    body = {"since": "2026-01-01T00:00:00Z"} if rest == "/replay" else None
    status, problem = await hook.ask("POST", rest, json=body)
    assert (status, problem["code"]) == (409, "webhook-endpoint-disabled")


async def test_one_event_is_replayed_under_its_id(hook):
    document = await hook.happen("accepted", "sealed")
    await hook.telling.tell()
    wanted = {"event_id": f"evt_{document.hex}_1"}
    status, replay = await hook.ask("POST", "/replay", json=wanted)
    assert (status, replay["replaying_since"]) == (202, None)
    await hook.telling.tell()
    ids = [each.id for each in hook.receiver.genuine]
    assert ids == [f"evt_{document.hex}_{number}" for number in (1, 2, 1)]
    assert hook.receiver.received[0].body == hook.receiver.received[2].body
    assert len({each["id"] for each in await hook.deliveries()}) == 3


async def test_a_test_is_replayed_like_any_other_event_and_to_its_endpoint_alone(api, hook):
    _, asked = await hook.ask("POST", "/test")
    event_id = asked["delivery"]["event_id"]
    async with hooked(api) as other:
        await hook.telling.tell()
        status, replay = await hook.ask("POST", "/replay", json={"event_id": event_id})
        assert (status, replay["delivery"]["event_type"]) == (202, "webhook.test")
        since = {"since": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
        for each in (hook, other):
            assert (await each.ask("POST", "/replay", json=since))[0] == 202
        await hook.telling.tell()
        assert [each.id for each in hook.receiver.genuine] == [event_id] * 3
        assert len({each.body for each in hook.receiver.received}) == 1
        assert other.receiver.received == []
        status, problem = await other.ask("POST", "/replay", json={"event_id": event_id})
        assert (status, problem["code"]) == (404, "event-not-found")


async def test_each_test_is_an_event_of_its_own_and_stands_in_the_feed(api, hook):
    ids = [(await hook.ask("POST", "/test"))[1]["delivery"]["event_id"] for _ in range(2)]
    _, _, page = await ask(api, "GET", "/v1/events")
    assert [each["id"] for each in page["events"]] == ids
    assert [(each["type"], each["seq"], each["document_id"]) for each in page["events"]] == [
        ("webhook.test", 1, None), ("webhook.test", 2, None),
    ]  # fmt: skip
    assert page["events"][0]["detail"]["endpoint_id"] == hook.endpoint["id"]


@pytest.mark.parametrize(
    "event_id", ["evt_1", "x", f"evt_{'0' * 32}_1", f"evt_{UUID(int=7).hex}", f"EVT_{'0' * 32}_1"]
)
async def test_an_event_that_is_none_of_the_dossier_is_not_replayed(hook, event_id):
    status, problem = await hook.ask("POST", "/replay", json={"event_id": event_id})
    assert (status, problem["code"]) == (404, "event-not-found")


async def test_an_event_of_another_dossier_is_not_replayed(api, database, hook):
    document = await hook.happen()
    key = await another_dossier(database)
    _, _, made = await ask(api, "POST", PATH, json={"url": URL}, key=key)
    wanted = {"event_id": f"evt_{document.hex}_1"}
    status, _, problem = await ask(api, "POST", f"{PATH}/{made['id']}/replay", json=wanted, key=key)
    assert (status, problem["code"]) == (404, "event-not-found")


async def test_all_since_an_instant_is_replayed_once_more_and_nothing_from_before(hook):
    early = await hook.happen("accepted", "sealed")
    await hook.telling.tell()
    since = datetime.now(UTC)
    late = await hook.happen("accepted", "sealed")
    await hook.telling.tell()
    status, replay = await hook.ask("POST", "/replay", json={"since": since.isoformat()})
    assert (status, datetime.fromisoformat(replay["replaying_since"])) == (202, since)
    assert (await hook.ask("GET"))[1]["replaying_since"] == replay["replaying_since"]
    await hook.telling.tell()
    ids = [each.id for each in hook.receiver.genuine]
    told = [f"evt_{each.hex}_{seq}" for each in (early, late) for seq in (1, 2)]
    assert ids == told + told[2:]
    assert (await hook.ask("GET"))[1]["replaying_since"] is None
    after = await hook.happen()
    await hook.telling.tell()
    assert hook.receiver.received[-1].id == f"evt_{after.hex}_1"


async def test_a_replay_reaches_back_before_the_endpoint(api):
    async with hooked(api) as first:
        document = await first.happen()
        async with hooked(api) as hook:
            since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
            assert (await hook.ask("POST", "/replay", json={"since": since}))[0] == 202
            await hook.telling.tell()
            assert [each.id for each in hook.receiver.genuine] == [f"evt_{document.hex}_1"]


async def test_a_replay_in_which_nothing_happened_is_over_at_once(hook):
    since = datetime.now(UTC).isoformat()
    assert (await hook.ask("POST", "/replay", json={"since": since}))[0] == 202
    await hook.telling.tell()
    assert (await hook.ask("GET"))[1]["replaying_since"] is None
    assert hook.receiver.received == []


async def test_a_second_replay_loses_nothing_of_the_first(hook, monkeypatch):
    document = await hook.happen(*["sending"] * 4)
    await hook.telling.tell()
    monkeypatch.setattr("gateway.webhooks.relay.EVENTS_MAX", 1)
    early = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    await hook.ask("POST", "/replay", json={"since": early})
    await hook.telling.relay.run_once()
    await hook.ask("POST", "/replay", json={"since": datetime.now(UTC).isoformat()})
    await hook.telling.tell()
    ids = {each.id for each in hook.receiver.received[4:]}
    assert ids == {f"evt_{document.hex}_{number}" for number in range(1, 5)}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "bad-replay"),
        ({"event_id": "evt_1", "since": "2026-01-01T00:00:00Z"}, "bad-replay"),
        ({"since": "2026-01-01T00:00:00"}, "bad-json"),
        ({"since": "yesterday"}, "bad-json"),
        ({"event_id": "x" * 101}, "bad-json"),
    ],
)
async def test_a_replay_of_nothing_in_particular_is_refused(hook, wanted, code):
    status, problem = await hook.ask("POST", "/replay", json=wanted)
    assert (status, problem["code"]) == (422, code)


async def test_deliveries_come_page_by_page_the_newest_first(hook):
    await hook.happen(*["sending"] * 5)
    await hook.telling.tell()
    wanted, seen, cursor = [each["id"] for each in await hook.deliveries()][::-1], [], ""
    while cursor is not None:
        _, page = await hook.ask("GET", f"/deliveries?limit=2{cursor}")
        seen += [each["id"] for each in page["deliveries"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert page["has_more"] == (cursor is not None)
    assert seen == wanted
    status, problem = await hook.ask("GET", "/deliveries?status=lost")
    assert (status, problem["code"]) == (422, "bad-status")


async def test_a_deleted_endpoint_is_not_there_any_more_nor_what_it_was_told(hook):
    await hook.happen()
    await hook.telling.tell()
    assert (await hook.ask("DELETE"))[0] == 204
    assert (await hook.ask("DELETE"))[0] == 404
    assert (await hook.ask("GET", "/deliveries"))[0] == 404
    _, _, left = await ask(hook.api, "GET", "/v1/webhook-endpoints")
    assert left["webhook_endpoints"] == []


async def test_the_client_does_all_of_it(hook, client):
    made = await client.create_webhook_endpoint(hook.url, description="second")
    assert made.secret.startswith("whsec_")
    assert next(each.id for each in await client.webhook_endpoints()) == made.id
    change = model.WebhookEndpointChange(event_types=("document.failed",))
    assert (await client.change_webhook_endpoint(made.id, change)).event_types == (
        "document.failed",
    )
    assert (await client.rotate_webhook_secret(made.id)).secret != made.secret
    asked = await client.test_webhook_endpoint(made.id)
    [delivery] = (await client.webhook_deliveries(made.id, status="pending")).deliveries
    assert delivery == asked.delivery
    document = await hook.happen()
    replay = await client.replay_webhooks(made.id, event_id=f"evt_{document.hex}_1")
    assert replay.delivery.event_type == "document.accepted"
    since = datetime.now(UTC)
    assert (await client.replay_webhooks(made.id, since=since)).replaying_since == since
    await client.delete_webhook_endpoint(made.id)
    with pytest.raises(Fault):
        await client.webhook_endpoint(made.id)
    assert (await client.webhook_endpoint(UUID(hook.endpoint["id"]))).url == hook.url


def test_every_type_of_event_says_what_it_means():
    assert all(name.count(".") == 1 and meaning for name, meaning in EVENT_TYPES.items())


async def test_each_webhook_is_described_and_what_comes_is_what_is_described(hook):
    _, _, contract = await ask(hook.api, "GET", "/v1/openapi.json")
    assert set(contract["webhooks"]) == set(EVENT_TYPES)  # [OPENAPI §4.8.1]
    await hook.happen("accepted")
    await hook.ask("POST", "/test")
    await hook.telling.tell()
    assert len(hook.receiver.received) == 2
    for came in hook.receiver.received:
        described = contract["webhooks"][came.message.type]["post"]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        assert complaints(schema, json.loads(came.body)) == []
        assert {each["name"] for each in described["parameters"]} <= set(came.headers)
