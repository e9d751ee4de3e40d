"""What follows from each way in which a webhook can be answered, or not be."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from gateway.sandbox.hooks import Behaviour, HookReceiver, serve_hooks
from tests.support.api import ask
from tests.support.command import run_beside
from tests.support.webhooks import an_endpoint, hooked

HOME = "http://127.0.0.1:1/elsewhere"


@pytest.fixture
async def hook(api):
    async with hooked(api, timeout_seconds=0.5) as made:
        yield made


async def attempt(hook, behaviour):
    """Let an event be answered so; return the delivery and its attempt."""
    hook.receiver.script = [behaviour]
    await hook.happen()
    await hook.telling.read()
    await hook.telling.send()
    [delivery] = await hook.deliveries()
    [made] = delivery["attempts"]
    return delivery, made


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_success_is_one(hook, status):
    delivery, made = await attempt(hook, Behaviour(status=status))
    assert (delivery["status"], made["status"]) == ("delivered", status)


@pytest.mark.parametrize("status", [304, 400, 401, 404, 429, 500, 503])
async def test_any_other_answer_is_tried_again(hook, status):
    delivery, made = await attempt(hook, Behaviour(status=status))
    assert (delivery["status"], made["status"]) == ("pending", status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_nobody_follows_it(hook, status):
    async with serve_hooks(HookReceiver()) as elsewhere:
        to = {"Location": elsewhere}
        delivery, made = await attempt(hook, Behaviour(status=status, headers=to))
    assert (delivery["status"], made["status"]) == ("pending", status)
    assert len(hook.receiver.received) == 1


async def test_an_answer_that_does_not_come_in_time_is_a_failure(hook):
    delivery, made = await attempt(hook, Behaviour(hangs=True))
    assert (delivery["status"], made["status"]) == ("pending", None)
    assert made["error"] == "no answer within 0.5 s"
    assert made["milliseconds"] > 0


async def test_an_answer_without_end_costs_a_moment_and_its_status_counts(hook):
    delivery, made = await attempt(hook, Behaviour(status=200, drips=True, body=b"drop "))
    assert (delivery["status"], made["status"]) == ("delivered", 200)
    assert made["answer"].startswith("drop drop")


async def test_of_a_large_answer_the_first_kilobyte_is_kept(hook):
    _, made = await attempt(hook, Behaviour(status=500, body=b"x" * 1_000_000))
    assert made["answer"] == "x" * 1024


async def test_an_answer_that_breaks_off_counts_by_its_status(hook):
    delivery, made = await attempt(hook, Behaviour(status=200, breaks_off=True, body=b"half"))
    assert (delivery["status"], made["answer"]) == ("delivered", "half")


async def test_an_answer_that_no_column_can_hold_is_kept_as_far_as_it_can_be(hook):
    _, made = await attempt(hook, Behaviour(status=500, body=b"a\0b\xff"))
    assert made["answer"] == "a\ufffdb\ufffd"


async def test_nobody_at_the_address_is_a_failure_that_says_so(api):
    async with hooked(api) as hook:
        nobody = await an_endpoint(api, HOME)
        await hook.happen()
        await hook.telling.tell()
        path = f"/v1/webhook-endpoints/{nobody['id']}/deliveries"
        _, _, page = await ask(api, "GET", path)
    [delivery] = page["deliveries"]
    assert delivery["attempts"][0]["error"]
    assert delivery["attempts"][0]["status"] is None


async def test_what_the_endpoint_asks_for_makes_a_pause_longer(hook):
    later = Behaviour(status=429, headers={"Retry-After": "600"})
    delivery, made = await attempt(hook, later)
    pause = datetime.fromisoformat(delivery["next_attempt_at"]) - _at(made)
    assert timedelta(seconds=600) <= pause < timedelta(seconds=610)


async def test_an_endpoint_that_is_gone_is_disabled_and_what_follows_waits(hook):
    """[STANDARD-WEBHOOKS §deliverability-and-reliability]"""
    delivery, made = await attempt(hook, Behaviour(status=410))
    assert (delivery["status"], made["status"]) == ("pending", 410)
    _, shown = await hook.ask("GET")
    assert (shown["is_enabled"], shown["disabled_reason"]) == (False, "gone")
    await hook.happen()
    hook.telling.clock.move(hours=1)
    await hook.telling.tell()
    assert len(hook.receiver.received) == 1


async def test_enabled_again_an_endpoint_goes_on_where_it_stopped(hook):
    await attempt(hook, Behaviour(status=410))
    await hook.happen()
    hook.telling.clock.move(hours=1)
    await hook.telling.tell()
    status, shown = await hook.ask("PATCH", json={"is_enabled": True})
    assert (status, shown["disabled_reason"], shown["disabled_at"]) == (200, None, None)
    await hook.telling.tell()
    told = {each.id: each.message.type for each in hook.receiver.received}
    assert sorted(told.values()) == ["document.accepted"] * 2 + ["endpoint.disabled"]
    assert [each["status"] for each in await hook.deliveries()] == ["delivered"] * 3


async def fail_for_good(hook):
    """Let one event fail at all of its attempts, which takes almost four days."""
    hook.receiver.behaviour = Behaviour(status=500)
    await hook.happen()
    await hook.telling.tell()
    for hours in (1, 1, 1, 3, 6, 11, 16, 23, 27):
        hook.telling.clock.move(hours=hours)
        assert await hook.telling.send() == 1
    return (await hook.ask("GET"))[1]


async def fail_for_days(hook):
    await fail_for_good(hook)
    return await fail_for_good(hook)


async def test_a_few_days_of_failure_disable_nothing(hook):
    shown = await fail_for_good(hook)
    assert (shown["is_enabled"], shown["failing_since"] is not None) == (True, True)


async def test_one_failure_after_quiet_weeks_is_tried_again(hook):
    await fail_for_good(hook)
    hook.telling.clock.move(days=30)
    await hook.happen()
    await hook.telling.tell()
    assert (await hook.ask("GET"))[1]["is_enabled"] is True
    hook.telling.clock.move(seconds=6)
    hook.receiver.behaviour = Behaviour()
    await hook.telling.tell()
    assert [each["status"] for each in await hook.deliveries()] == ["failed", "delivered"]


async def test_after_five_days_of_failure_the_endpoint_is_disabled_and_the_others_told(api):
    others = {"event_types": ["endpoint.disabled"]}
    async with hooked(api) as failing, hooked(api, wanted=others) as other:
        shown = await fail_for_days(failing)
        assert (shown["is_enabled"], shown["disabled_reason"]) == (False, "failing")
        other.telling.clock.move(days=8)
        await other.telling.tell()
        [told] = other.receiver.received
        again = {"event_id": told.id}
        assert (await other.ask("POST", "/replay", json=again))[0] == 202
        await other.telling.tell()
        assert [each.body for each in other.receiver.received] == [told.body] * 2
    assert told.message.type == "endpoint.disabled"
    assert told.message.data["endpoint_id"] == failing.endpoint["id"]
    assert told.message.data["reason"] == "failing"
    assert told.message.data["url"] == failing.url
    assert told.message.data["failing_since"] == shown["failing_since"]


@pytest.mark.parametrize("reason", ["gone", "failing"])
async def test_who_has_no_other_endpoint_sees_that_one_is_disabled_why_and_what_to_do(
    api, hook, caplog, reason
):
    with caplog.at_level(logging.WARNING, "gateway.webhooks.sending"):
        if reason == "gone":
            await attempt(hook, Behaviour(status=410))
        else:
            await fail_for_days(hook)
    [logged] = [each for each in caplog.records if hasattr(each, "code")]
    assert logged.code == "webhook-endpoint-disabled"
    assert (logged.endpoint, logged.dossier) == (hook.endpoint["id"], str(api.dossier))
    assert logged.reason == reason
    _, _, page = await ask(api, "GET", "/v1/events")
    told = page["events"][-1]
    _, shown = await hook.ask("GET")
    assert (told["type"], told["document_id"], told["seq"]) == ("endpoint.disabled", None, 1)
    assert told["detail"] == {
        "endpoint_id": hook.endpoint["id"],
        "url": hook.url,
        "reason": reason,
        "failing_since": shown["failing_since"],
        "text": shown["advice"],
    }
    assert told["at"] == shown["disabled_at"]
    assert "enable it" in shown["advice"]


async def test_an_endpoint_that_works_needs_no_advice(hook):
    assert (await hook.ask("GET"))[1]["advice"] is None
    _, shown = await hook.ask("PATCH", json={"is_enabled": False})
    assert "Somebody disabled it" in shown["advice"]


async def test_the_list_on_the_command_line_says_why_and_what_to_do(api, hook, capsys):
    await attempt(hook, Behaviour(status=410))
    key = api.services.settings.data_dir / "api-key"
    ended = await run_beside(capsys, "webhooks", "list", "--url", api.url, "--api-key-file", key)
    line, what = ended.out.splitlines()
    assert "disabled (gone)" in line
    assert "It answered 410 Gone" in what
    assert "disabled since" in what


async def test_a_success_makes_up_for_failures(hook):
    hook.receiver.script = [Behaviour(status=500)]
    await hook.happen()
    await hook.telling.tell()
    hook.telling.clock.move(seconds=10)
    await hook.telling.tell()
    assert (await hook.ask("GET"))[1]["failing_since"] is None


async def test_a_delivery_fails_after_its_last_attempt(hook):
    await fail_for_good(hook)
    [delivery] = await hook.deliveries()
    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 10)
    status, page = await hook.ask("GET", "/deliveries?status=failed")
    assert (status, [each["id"] for each in page["deliveries"]]) == (200, [delivery["id"]])


async def test_a_message_is_thin_whatever_the_document_says(hook):
    """[STANDARD-WEBHOOKS §payload-structure]"""
    long = "é" * 100_000
    await hook.happen(text=long, number=long)
    await hook.telling.tell()
    [came] = hook.receiver.genuine
    assert len(came.body) < 20_000
    assert json.loads(came.body)["data"]["text"] == "é" * 1000


def _at(made):
    return datetime.fromisoformat(made["at"]).astimezone(UTC)
