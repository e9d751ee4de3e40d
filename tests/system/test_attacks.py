"""Every bad message over HTTP to the public application: its answer, and that nothing stays.

No row, no file, no receipt, and no memory; the next good message is received as ever.
"""

import asyncio
import contextlib
import gc
import tracemalloc

import pytest
import pytest_asyncio

from as4.compression import gzip_compress
from as4.signal import ErrorSignal, Receipt
from gateway.store.pool import Database
from tests.support import messages
from tests.support.attacks import DECRYPTION, TABLE, bomb, paid
from tests.support.messages import a_business_envelope, a_ping, a_sealed_message
from tests.support.reception import MIB, a_receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(postgres, tmp_path_factory):
    """One receiver for all attacks of this module."""
    dsn = await postgres.create_database()
    async with contextlib.AsyncExitStack() as stack:
        database = await Database.open(dsn)
        stack.push_async_callback(database.close)
        folder = tmp_path_factory.mktemp("target")
        yield await stack.enter_async_context(a_receiver(database, folder))
    await postgres.drop_database(dsn)


@pytest.mark.parametrize("name", TABLE)
async def test_a_bad_message_gets_its_answer_and_leaves_nothing(target, name):
    build, expected = TABLE[name]
    sealed = build()
    before = await target.count(), target.files()
    answer = await target.post(sealed)
    assert answer.verdict == expected
    assert b"<eb:Receipt" not in answer.body
    assert (await target.count(), target.files()) == before
    if expected.startswith("EBMS"):
        assert answer.headers["Content-Type"] == "application/soap+xml; charset=UTF-8"
        assert answer.signal.ref_to_message_id == sealed.message_id
        assert answer.signal.signer.subject_cn == "PBE000002"


async def test_all_failures_of_our_key_look_alike(target):
    bodies = set()
    for build in DECRYPTION.values():
        signal = (await target.post(build())).signal
        bodies.add((len(signal.errors), str(signal.errors[0])))
    assert len(bodies) == 1


async def test_failures_of_our_key_take_one_way(target, monkeypatch):
    """The same private-key operation, whoever the message is for and whatever is wrong."""
    unwrapped = []
    real = messages.xmlenc.unwrap_key

    def counted(*arguments, **keywords):
        unwrapped.append(arguments)
        return real(*arguments, **keywords)

    monkeypatch.setattr(messages.xmlenc, "unwrap_key", counted)
    for build in DECRYPTION.values():
        await target.post(build())
    assert len(unwrapped) == len(DECRYPTION)


@pytest.mark.parametrize("name", ["sender", "foreign"])
async def test_a_message_id_is_no_path_and_no_log_line(target, caplog, name):
    caplog.set_level("INFO", "gateway.exchange.inbound")
    hostile = "../../etc/passwd&#10;{}@x"
    sealed = a_sealed_message(
        signer=name, messaging=messages.swap("0c4a1d4e-0000-4000-8000-000000000001@", hostile + "@")
    )
    before = target.files()
    await target.post(sealed)
    assert target.files() == before
    assert all("\n" not in record.message_id for record in caplog.records)


BOMBS = {
    "a small bomb": lambda: bomb(200 * MIB),
    "a bomb behind a good header": lambda: gzip_compress(
        a_business_envelope(b"<Invoice>" + bytes(96 * MIB))
    ),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_gzip_bomb_is_refused_without_growing_memory(target, name):
    sealed = paid(BOMBS[name]())()
    gc.collect()
    tracemalloc.start()
    try:
        answer = await target.post(sealed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.verdict == "EBMS:0303"
    assert peak < 8 * MIB
    assert (await target.post(a_ping())).verdict == "receipt"


async def test_many_attacks_at_once_do_not_stop_good_messages(target):
    async def attack():
        for name in ("unsigned", "a changed ciphertext", "not gzip", "a foreign child"):
            await target.post(TABLE[name][0]())

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(attack())
        pings = [group.create_task(target.post(a_ping())) for _ in range(8)]
    assert {ping.result().verdict for ping in pings} == {"receipt"}


async def test_a_signal_posted_to_us_is_no_message(target):
    receipt = (await target.post(a_ping())).body
    answer = await target.send(receipt, {"Content-Type": "application/soap+xml"})
    assert isinstance(answer.signal, ErrorSignal)
    assert not isinstance(answer.signal, Receipt)
    assert answer.verdict == "EBMS:0009"
