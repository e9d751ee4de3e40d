"""A few rounds of the crash run, and proof that its count can fail."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from gateway.sandbox.network import run_network
from tests.crash.__main__ import NODE_SETTINGS, is_whole
from tests.crash.book import sha256_of
from tests.crash.company import BATCHED, IMPORTED, SINGLE
from tests.crash.rounds import MESSAGES, SENDER_ROUND_EVERY, open_run
from tests.support.peer import post

pytestmark = pytest.mark.system

SEED = 11
SENDER_ROUND = SENDER_ROUND_EVERY - 1
ROUNDS = (SENDER_ROUND - 1, SENDER_ROUND)
"""Red is killed, then blue; the second kill takes the gateway, then the database."""


@asynccontextmanager
async def a_run(folder):
    async with (
        run_network(folder, now=datetime.now(UTC), extra=NODE_SETTINGS) as network,
        open_run(network, SEED) as run,
    ):
        yield run


async def accept(run, number):
    """Post a message called *number* to red, and return it with its receipt verified."""
    sealed = run.peer.seal(number)
    run.peer.check(sealed.message, await post(run.session, run.network.red.as4_url, sealed.message))
    return sealed


async def test_nothing_is_lost_or_doubled_when_either_side_is_killed_under_load(tmp_path):
    async with a_run(tmp_path / "net") as run:
        for number in ROUNDS:
            before = len(run.expected)
            await run.round(number)
            assert len(run.expected) - before >= MESSAGES >= 20
        await run.recount()
        facts = run.facts()
        assert facts["wrong"] == []
        assert is_whole(facts)
        assert facts["rounds"] == 2
        assert facts["kills"] == {"both": 2, "gateway": 1, "database": 1}
        # Every message and, of those posted twice at once, both receipts.
        assert facts["acknowledged"] >= 2 * MESSAGES
        assert facts["late"] >= 1
        handed_in = 2 * 2 * (SINGLE + BATCHED + IMPORTED)
        assert facts["answered"]["POST /v1/documents/{id}/ack"] >= 2 * handed_in


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
