"""A few rounds of the crash run, and proof that its count can fail."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from gateway.sandbox.network import run_network
from tests.crash.__main__ import NODE_SETTINGS
from tests.crash.rounds import MESSAGES, SENDER_ROUND_EVERY, open_run, sha256_of
from tests.support.peer import post

pytestmark = pytest.mark.system

SEED = 11
RECEIVER_ROUNDS = (1, 2)
SENDER_ROUND = SENDER_ROUND_EVERY - 1


@asynccontextmanager
async def a_run(folder):
    async with run_network(folder, now=datetime.now(UTC), extra=NODE_SETTINGS) as network:
        run = await open_run(network, SEED)
        async with run.session:
            yield run


async def accept(run, number):
    """Post a message called *number* to red, and return it with its receipt verified."""
    sealed = run.peer.seal(number)
    run.peer.check(sealed.message, await post(run.session, run.network.red.as4_url, sealed.message))
    return sealed


async def test_nothing_is_lost_or_doubled_when_either_side_is_killed_under_load(tmp_path):
    async with a_run(tmp_path / "net") as run:
        for number in (*RECEIVER_ROUNDS, SENDER_ROUND):
            before = len(run.expected)
            await run.round(number)
            assert len(run.expected) - before >= MESSAGES >= 20
        await run.recount()
        assert run.tally.rounds == 3
        assert (run.tally.lost, run.tally.doubled, run.tally.wrong) == (0, 0, [])
        # Every message and, of those posted twice at once, both receipts.
        assert run.tally.acknowledged >= 3 * MESSAGES
        assert run.tally.late >= 1


async def test_the_count_notices_a_lost_a_changed_and_a_doubled_message(tmp_path):
    async with a_run(tmp_path / "net") as run:
        good = await accept(run, "ONE")
        changed = await accept(run, "TWO")
        for _ in range(2):
            doubled = await accept(run, "THREE")
        run.expected = {
            good.message.message_id: (good.number, sha256_of(good.document)),
        }
        await run.recount()
        assert (run.tally.lost, run.tally.doubled) == (0, 0)

        run.expected["never@posted"] = ("NONE", sha256_of(b""))
        run.expected[changed.message.message_id] = (changed.number, sha256_of(b"another"))
        run.expected[doubled.message.message_id] = (doubled.number, sha256_of(doubled.document))
        await run.recount()

        assert (run.tally.lost, run.tally.doubled) == (2, 1)
        assert {line.split()[0] for line in run.tally.wrong} == {"TWO", "NONE", "THREE"}
