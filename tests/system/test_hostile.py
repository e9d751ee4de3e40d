"""Every bad message we can think of, posted over HTTP to a running gateway.

Each gets the one answer it earns; nothing stays of it but a line in the log; memory goes back to
idle; good messages go through before, during and after.
"""

from functools import partial

import pytest

from tests.as4 import test_header_attacks as headers
from tests.as4 import test_payload_attacks as payloads
from tests.as4 import test_security_attacks as security
from tests.as4 import test_signature_attacks as signatures
from tests.support.attacks import TABLE
from tests.support.attacks_bulk import BULK
from tests.support.attacks_downgrade import DOWNGRADES
from tests.support.attacks_replay import IDENTITIES, REPLAYS
from tests.support.attacks_wrapping import WRAPPINGS
from tests.support.hostile import a_target, shown
from tests.support.messages import a_sealed_message

pytestmark = pytest.mark.system

GOOD_EVERY = 40
GROWTH_MIB_MAX = 16
PEAK_MIB_MAX = 48


def hooked(where, hooks, expected):
    """Rows for messages that each of *hooks* spoils at *where*."""
    return {
        name: (partial(a_sealed_message, **{where: hook}), expected) for name, hook in hooks.items()
    }


def spoiled(table, expected):
    """Rows for messages spoiled by several hooks each, or of another header."""
    return {name: (partial(a_sealed_message, **spoil), expected) for name, spoil in table.items()}


CORPUS = {
    "table": TABLE,
    "replays": REPLAYS,
    "identities": IDENTITIES,
    "wrappings": WRAPPINGS,
    "downgrades": DOWNGRADES,
    "bulk": BULK,
    "headers": hooked("messaging", headers.INVALID_HEADERS, "EBMS:0009"),
    "envelopes": hooked("soap", headers.INVALID_ENVELOPES, "EBMS:0009"),
    "values": hooked("messaging", headers.UNKNOWN_VALUES, "EBMS:0001"),
    "part names": hooked("messaging", headers.PAYLOADS, "EBMS:0011"),
    "signed information": hooked("signed_info", signatures.SIGNED, "EBMS:0103"),
    "coverage": hooked("references", signatures.COVERAGE, "EBMS:0103"),
    "altered": hooked("soap", signatures.ALTERED, "EBMS:0101"),
    "security headers": hooked("soap", security.HEADERS, "EBMS:0103"),
    "decryption": spoiled(payloads.UNDECRYPTABLE, "EBMS:0102"),
    "compression": {
        name: (partial(a_sealed_message, payload=payload), "EBMS:0303")
        for name, payload in payloads.BROKEN_GZIP.items()
    },
}


async def test_every_attack_gets_its_answer_and_leaves_nothing(tmp_path, request):
    async with a_target(tmp_path) as target:
        each_good_one = await target.warm_up(build() for build, _ in list(TABLE.values())[::5])
        before, lines = await target.settled(), target.log_lines()
        with shown(request, target), target.measured():
            for group, table in CORPUS.items():
                for number, (name, (build, expected)) in enumerate(table.items()):
                    await target.attack(f"{group}: {name}", build(), expected)
                    if number % GOOD_EVERY == 0:
                        await target.deliver_a_good_one()
            await target.deliver_a_good_one()
        assert target.failures() == []
        added = await target.settled() - before
        assert added.rows == {name: n * len(target.good) for name, n in each_good_one.items()}
        assert added.files == []
        assert target.log_lines() == lines + len(target.attempts) + len(target.good)
        assert target.peak_mib <= target.idle_mib + PEAK_MIB_MAX
        assert await target.calm() <= target.idle_mib + GROWTH_MIB_MAX
