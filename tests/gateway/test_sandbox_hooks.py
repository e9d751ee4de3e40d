"""The sandbox's receiver of webhooks: what it takes, holds genuine, and how it behaves badly."""

import aiohttp
import pytest

from gateway.client.signing import signed_headers, write_secret
from gateway.clock import SystemClock
from gateway.sandbox.hooks import MESSAGE_BYTES_MAX, Behaviour, HookReceiver, serve_hooks

SECRET = bytes(range(32))
BODY = b'{"type":"webhook.test","timestamp":"2026-11-22T12:00:00Z","data":{}}'


@pytest.fixture
async def receiver():
    made = HookReceiver(write_secret(SECRET))
    async with serve_hooks(made) as made.url:
        yield made


async def tell(receiver, body=BODY, *, secret=SECRET):
    headers = signed_headers([secret], "evt_1", body, now=SystemClock().now())
    timeout = aiohttp.ClientTimeout(total=2)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(receiver.url, data=body, headers=headers, allow_redirects=False) as response,
    ):
        return response.status, await response.read()


async def test_a_signed_message_is_genuine_and_another_is_kept_as_what_it_is(receiver):
    assert (await tell(receiver))[0] == 204
    assert (await tell(receiver, secret=bytes(32)))[0] == 204
    assert [each.is_genuine for each in receiver.received] == [True, False]
    [genuine] = receiver.genuine
    assert (genuine.id, genuine.message.type) == ("evt_1", "webhook.test")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"no JSON", 400), (b"{}", 400), (b" " * (MESSAGE_BYTES_MAX + 1) + BODY, 413)],
)
async def test_what_is_no_webhook_is_refused(receiver, body, status):
    assert (await tell(receiver, body))[0] == status
    assert receiver.received == []


async def test_it_answers_as_its_script_says_and_then_as_it_always_does(receiver):
    receiver.script = [Behaviour(status=500), Behaviour(status=302, headers={"Location": "/"})]
    receiver.behaviour = Behaviour(status=200, body=b"thanks")
    assert [(await tell(receiver))[0] for _ in range(2)] == [500, 302]
    assert await tell(receiver) == (200, b"thanks")


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(hangs=True), Behaviour(drips=True), Behaviour(breaks_off=True, body=b"half")],
    ids=["hangs", "drips", "breaks off"],
)
async def test_it_can_fail_to_answer(receiver, behaviour):
    receiver.behaviour = behaviour
    with pytest.raises((TimeoutError, aiohttp.ClientError)):
        await tell(receiver)
    assert len(receiver.genuine) == 1


async def test_one_can_wait_for_messages(receiver):
    await tell(receiver)
    assert len(await receiver.wait_for(1)) == 1
    with pytest.raises(TimeoutError):
        await receiver.wait_for(2, timeout_seconds=0.05)
