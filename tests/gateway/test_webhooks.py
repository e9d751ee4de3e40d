"""Webhooks from the event to the receiver: what comes, how often, in which order, who signed it."""

import json
from datetime import datetime

import pytest
from standardwebhooks import Webhook

from gateway.sandbox.hooks import Behaviour
from tests.support.api import ask
from tests.support.webhooks import an_endpoint, hooked


@pytest.fixture
async def hook(api):
    async with hooked(api) as made:
        yield made


async def test_what_happens_is_told_once_in_order_and_signed(hook):
    document = await hook.happen("accepted", "sealed")
    await hook.telling.tell()
    first, second = hook.receiver.genuine
    assert [first.id, second.id] == [f"evt_{document.hex}_1", f"evt_{document.hex}_2"]
    assert first.message.type == "document.accepted"
    assert second.message.data == {
        "document_id": str(document),
        "seq": 2,
        "direction": "out",
        "kind": None,
        "number": None,
        "sender": "0208:0123456749",
        "receiver": "0208:0987654394",
        "text": "It was sealed",
    }
    assert await hook.telling.send() == 0


async def test_the_message_is_the_event_of_the_feed_under_its_id(hook):
    await hook.happen()
    await hook.telling.tell()
    _, _, feed = await ask(hook.api, "GET", "/v1/events")
    [event], [came] = feed["events"], hook.receiver.received
    assert (came.id, came.message.type) == (event["id"], event["type"])
    assert came.message.timestamp == datetime.fromisoformat(event["at"])


async def test_an_event_has_the_same_body_when_its_document_has_moved_on(hook):
    document = await hook.happen("accepted")
    await hook.telling.tell()
    async with hook.api.services.db.transaction(hook.api.dossier) as tx:
        await tx.connection.execute("UPDATE documents SET status = 'delivered'")
    for wanted in ({"event_id": f"evt_{document.hex}_1"}, {"since": "2026-01-01T00:00:00Z"}):
        assert (await hook.ask("POST", "/replay", json=wanted))[0] == 202
        await hook.telling.tell()
    assert len(hook.receiver.genuine) == 3
    assert len({(each.id, each.body) for each in hook.receiver.received}) == 1


async def test_another_implementation_verifies_the_signature(hook):
    await hook.happen()
    await hook.telling.tell()
    [came] = hook.receiver.received
    verified = Webhook(hook.receiver.secret).verify(came.body, dict(came.headers))
    assert verified == json.loads(came.body)
    assert came.headers["content-type"] == "application/json"


async def test_what_happened_before_an_endpoint_was_made_is_not_told(api):
    async with hooked(api) as hook:
        await hook.happen()
        later = await an_endpoint(api, hook.url)
        await hook.telling.tell()
        assert len(hook.receiver.received) == 1
        _, _, page = await ask(api, "GET", f"/v1/webhook-endpoints/{later['id']}/deliveries")
        assert page["deliveries"] == []


async def test_an_endpoint_gets_the_types_that_it_wants(api):
    async with hooked(api, wanted={"event_types": ["document.delivered"]}) as hook:
        await hook.happen("accepted", "delivered", "acknowledged")
        await hook.telling.tell()
        assert [each.message.type for each in hook.receiver.genuine] == ["document.delivered"]


async def test_a_failure_is_tried_again_with_the_same_id_and_body(hook):
    hook.receiver.script = [Behaviour(status=500, body=b"later, please")]
    await hook.happen()
    await hook.telling.tell()
    hook.telling.clock.move(seconds=4)
    assert await hook.telling.send() == 0
    hook.telling.clock.move(seconds=2)
    await hook.telling.tell()
    first, second = hook.receiver.received
    assert (first.id, first.body) == (second.id, second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    [delivery] = await hook.deliveries()
    assert (delivery["status"], delivery["next_attempt_at"]) == ("delivered", None)
    one, two = delivery["attempts"]
    assert (one["number"], one["status"], one["answer"]) == (1, 500, "later, please")
    assert (two["number"], two["status"], two["error"]) == (2, 204, None)
