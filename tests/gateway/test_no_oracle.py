"""What depends on our private key: one answer outside, over HTTP, and the truth in our own log."""

import logging
import os
from dataclasses import replace

import pytest

from tests.support.messages import a_sealed_message
from tests.support.oracles import UNDECRYPTABLE
from tests.support.reception import LIMITS, a_receiver

SMALL = replace(LIMITS, inline_bytes_max=20_000)
PAYLOADS = {"in memory": None, "streamed": os.urandom(60_000)}


def outside(answer):
    """All of *answer* that a peer can tell one from another by: not the ids, times, signature."""
    signal = answer.signal
    return answer.status, sorted(answer.headers), len(answer.body), signal.errors


@pytest.mark.parametrize("how", PAYLOADS)
async def test_all_that_depends_on_our_key_is_answered_alike_and_logged_apart(
    database, tmp_path, caplog, how
):
    caplog.set_level(logging.INFO, "gateway.exchange.inbound")
    messages = [
        a_sealed_message(payload=PAYLOADS[how], **spoil()) for spoil, _ in UNDECRYPTABLE.values()
    ]
    async with a_receiver(database, tmp_path, limits=SMALL) as receiver:
        answers = [await receiver.post(sealed) for sealed in messages]
        assert await receiver.count() == (0, 0)
        assert receiver.files() == []
    assert {answer.verdict for answer in answers} == {"EBMS:0102"}
    first = outside(answers[0])
    assert all(outside(answer) == first for answer in answers)
    assert first[3][0].description == "The encrypted attachment could not be opened with our key."
    expected = [f"decryption: {step}" for _, step in UNDECRYPTABLE.values()]
    expected[list(UNDECRYPTABLE).index("encrypted for somebody else")] = "decryption: not for us"
    assert [record.why for record in caplog.records] == expected
