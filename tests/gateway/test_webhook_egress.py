"""Webhooks through the guarded egress: whom they reach, and receivers that write without end."""

import asyncio
import resource
from contextlib import asynccontextmanager

import pytest

from gateway.egress import NOTICE_BYTES_MAX, AddressRefused, Egress, EgressRules, tls_context
from gateway.errors import Unavailable
from tests.gateway.test_egress_rebinding import INTERNAL, NAME, PUBLIC, world
from tests.support.webhooks import SANDBOX, hooked, telling

MIB = 1 << 20


@asynccontextmanager
async def writer(first, filler, *, pause=0.0):
    """Serve one that answers every request with *first*, then *filler* for ever."""
    sent = []

    async def answer(reader, stream):
        await reader.readuntil(b"\r\n\r\n")
        try:
            stream.write(first)
            while filler:
                stream.write(filler)
                sent.append(len(filler))
                await stream.drain()
                await asyncio.sleep(pause)
        except (ConnectionError, asyncio.CancelledError):
            pass
        stream.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", sent
    finally:
        server.close()


async def notify(url, *, rules=SANDBOX, timeout_seconds=1.0):
    async with Egress(rules, tls=tls_context(), post_timeout_seconds=5) as egress:
        return await egress.notify(
            url, headers={"webhook-id": "evt_1"}, body=b"{}", timeout_seconds=timeout_seconds
        )


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("first", "filler", "pause"),
    [
        (b"HTTP/1.1 200 ", b"x" * 65536, 0.0),
        (OK + b"X: ", b"x" * 65536, 0.0),
        (OK, b"X: yyyyyyyyyyyy\r\n" * 4000, 0.0),
        (OK, b"X: y\r\n", 0.05),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
        (b"SSH-2.0-OpenSSH\r\n", b"", 0.0),
        (b"", b"", 0.0),
        (b"\x16\x03\x01", b"", 0.0),
    ],
    ids=[
        "an endless status line",
        "an endless header",
        "endless headers",
        "headers that drip",
        "endless interim answers",
        "another protocol",
        "nothing",
        "TLS",
    ],
)
async def test_an_answer_that_does_not_begin_is_given_up_in_time(first, filler, pause):
    async with writer(first, filler, pause=pause) as (url, sent):
        async with asyncio.timeout(30):
            with pytest.raises(Unavailable):
                await notify(url)
    assert sum(sent) < 64 * MIB


@pytest.mark.parametrize(
    "head",
    [
        OK + b"\r\n",
        OK + b"Content-Length: 1000000000000\r\n\r\n",
        OK + b"Content-Type: text/event-stream\r\n\r\n",
    ],
    ids=["until the end", "a terabyte", "a stream of events"],
)
async def test_of_an_answer_without_end_a_kilobyte_is_read(head):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with writer(head, b"x" * 65536) as (url, sent):
        notice = await notify(url)
    assert (notice.status, notice.head) == (200, b"x" * NOTICE_BYTES_MAX)
    assert sum(sent) < 64 * MIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


async def test_a_body_that_drips_is_waited_for_a_moment_only():
    async with writer(OK + b"\r\n", b"x", pause=0.2) as (url, _):
        async with asyncio.timeout(30):
            notice = await notify(url, timeout_seconds=60)
    assert notice.status == 200
    assert 0 < len(notice.head) < 100


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://10.0.0.1:8443/",
        "https://[::1]/",
        "http://hook.example/",
        "https://hook.example:22/",
        "https://hook.example:80/",
    ],
)
async def test_outside_the_sandbox_only_public_https_is_spoken_to(url):
    with pytest.raises(AddressRefused):
        await notify(url, rules=EgressRules())


async def test_a_name_of_this_machine_is_refused_at_the_socket():
    with pytest.raises(Unavailable, match="is not a public address"):
        await notify("https://localhost:9443/", rules=EgressRules())


async def test_a_name_that_rebinds_to_this_machine_is_told_nothing_more():
    async def notice(net):
        url = f"http://{NAME}:{net.port}/hook"
        return await net.egress.notify(url, headers={}, body=b"{}", timeout_seconds=5)

    async with world([PUBLIC], [INTERNAL]) as net:
        assert (await notice(net)).status == 200
        net.fresh()
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 is not a public address"):
            await notice(net)
    assert net.reached == [PUBLIC]


async def test_an_address_that_may_not_be_used_any_more_is_logged_and_not_reached(api):
    async with hooked(api) as hook, telling(api.services.db, rules=EgressRules()) as strict:
        await hook.happen()
        await strict.tell()
        assert hook.receiver.received == []
        [delivery] = await hook.deliveries()
    [attempt] = delivery["attempts"]
    assert (delivery["status"], attempt["status"]) == ("pending", None)
    assert "must be https" in attempt["error"]
