"""The awkward peer in tests: the seed of this run, and whether it plays at all.

`PEPPOL_TEST_SEED` plays a run again; `PEPPOL_TEST_AWKWARD=0` makes peers plain.
"""

import os
import secrets
import time
import uuid
from collections import Counter

from conformance.awkward.dice import SEED_MAX
from conformance.awkward.dressing import dress
from conformance.awkward.variation import draw_variation
from conformance.suite.tools import Tools
from gateway.clock import SystemClock

_DRAWN = Counter()
TOOLS = Tools(SystemClock().now, time.monotonic, lambda: str(uuid.uuid4()), os.urandom)


def settle_seed():
    """Draw a seed for this run and all its processes unless one is given."""
    os.environ.setdefault("PEPPOL_TEST_SEED", str(secrets.randbelow(SEED_MAX)))


def seed():
    return int(os.environ["PEPPOL_TEST_SEED"])


def run_seed():
    """The seed of this run of pytest; None where peers are plain, and outside of one."""
    return seed() if is_on() and "PYTEST_CURRENT_TEST" in os.environ else None


def next_name():
    """What to draw the next variation by: the test, and how many it drew before."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    _DRAWN[test] += 1
    return f"{test}#{_DRAWN[test]}"


def dressed(soap, key):
    """The signed envelope *soap* in another dress, signed anew by *key*, unless that is off."""
    drawn = run_seed()
    if drawn is None:
        return soap
    how = draw_variation(drawn, next_name())
    return dress(soap, how.dress, how.names, key=key, fresh=TOOLS.new_id()).soap


def is_on():
    return os.environ.get("PEPPOL_TEST_AWKWARD", "1") != "0"


def describe():
    """What the run prints, so that it can be played again."""
    played = f"awkward: seed {seed()}; PEPPOL_TEST_SEED={seed()} plays it again"
    return played if is_on() else "awkward: off, by PEPPOL_TEST_AWKWARD"
