"""What never ends, what inflates, and what hardly comes: against a running gateway, over HTTP.

Memory is that of the gateway's own process, as the system reports it.
"""

import asyncio
import base64
import contextlib
import random
import resource

import pytest

from gateway.web.crowd import CONNECTIONS_MAX
from tests.support.attacks_bulk import BOMBS
from tests.support.hostile import a_good_message, a_target, shown
from tests.support.hostile_streams import HEAD, MIB, chunk, flood, head, slow_clients, streams
from tests.support.messages import INVOICE, a_sealed_message

pytestmark = pytest.mark.system

PEAK_MIB_MAX = 64
GROWTH_MIB_MAX = 32
TAKEN_MAX = 230 * MIB
ROOM_BYTES = MIB + 1000
"""What is left of a disk that is filling up."""


async def assert_nothing_stayed(target, before, each_good_one):
    added = await target.settled() - before
    assert added.rows == {name: n * len(target.good) for name, n in each_good_one.items()}
    assert added.files == []
    assert target.failures() == []
    assert target.peak_mib <= target.idle_mib + PEAK_MIB_MAX
    assert await target.calm() <= target.idle_mib + GROWTH_MIB_MAX


async def test_what_never_ends_is_cut_off(tmp_path, request):
    async with a_target(tmp_path) as target:
        each_good_one = await target.warm_up()
        before = await target.settled()
        with shown(request, target), target.measured():
            for name, attack in streams().items():
                assert await flood(target, name, attack) <= TAKEN_MAX, name
                await target.deliver_a_good_one()
            for _ in range(20):
                await flood(target, "HTTP headers again", streams()["an HTTP header of 1 GB"])
        await assert_nothing_stayed(target, before, each_good_one)


async def test_bombs_go_off_outside(tmp_path, request):
    async with a_target(tmp_path) as target:
        each_good_one = await target.warm_up()
        before = await target.settled()
        with shown(request, target), target.measured():
            for name, (build, expected) in BOMBS.items():
                sealed = await asyncio.to_thread(build)
                async with asyncio.TaskGroup() as group:
                    attack = target.attack(f"bombs: {name}", sealed, expected)
                    group.create_task(attack)
                    await target.deliver_a_good_one()
        await assert_nothing_stayed(target, before, each_good_one)


async def test_a_large_message_is_sent_away_while_the_disk_is_full(tmp_path):
    note = b"<Note>%s</Note>" % base64.b64encode(random.Random(4).randbytes(3 * MIB))
    large = a_good_message(INVOICE.replace(b"</Invoice>", note + b"</Invoice>"))
    async with a_target(tmp_path) as target:
        before = await target.settled()
        with no_room(target.pid):
            answer = await target.send(large.body, {"Content-Type": large.content_type})
            assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        assert (await target.settled() - before).files == []
        answer = await target.send(large.body, {"Content-Type": large.content_type})
        assert answer.verdict == "receipt"


@contextlib.contextmanager
def no_room(pid):
    """Let the process write the begin of a large message and no more, inside the block."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (ROOM_BYTES, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


BODY = a_sealed_message()
CHUNKED = head(BODY, b"Transfer-Encoding: chunked")
SLOW = {
    "silent": (b"", b"", 900),
    "a head that drips": (HEAD, b"X: y\r\n", 300),
    "a body that drips": (CHUNKED + chunk(BODY.body[:200]), chunk(b"x"), 300),
    "a promised body": (head(BODY, b"Content-Length: 500000"), b"x", 300),
}


async def test_slow_clients_keep_nobody_out(tmp_path):
    async with a_target(tmp_path) as target:
        await target.warm_up()
        with target.measured():
            for first, drop, count in SLOW.values():
                async with slow_clients(target, first, drop, count):
                    await asyncio.sleep(1.5)
                    for _ in range(5):
                        await target.deliver_a_good_one()
                    # Over new connections too, and with a body that comes in pieces.
                    await target.deliver_apart(a_good_message())
                    assert target.connections() <= CONNECTIONS_MAX
        assert target.peak_mib <= target.idle_mib + PEAK_MIB_MAX


async def test_a_replayed_message_is_acknowledged_and_not_delivered_again(tmp_path):
    async with a_target(tmp_path) as target:
        each_good_one = await target.warm_up()
        before = await target.settled()
        sealed = await target.deliver_a_good_one()
        content_type = {"Content-Type": sealed.content_type}
        for _ in range(20):
            assert (await target.send(sealed.body, content_type)).verdict == "receipt"
        receipt = (await target.send(sealed.body, content_type)).body
        soap = {"Content-Type": "application/soap+xml"}
        assert (await target.send(receipt, soap)).verdict == "EBMS:0009"
        assert (await target.settled() - before).rows == each_good_one
