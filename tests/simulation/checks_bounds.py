"""How much there is of everything, and how often something is tried: invariant 9."""

import random
from collections import defaultdict
from itertools import pairwise

from gateway.exchange.retry import HTTP_REFUSALS_MAX, RULES, Again, What
from tests.simulation.bounds import find_large, find_large_memories

LOOKS = 3
"""At how many access points it is looked when all is at rest."""
PAUSED = (Again.YES, Again.FEW)
"""After which endings there is a pause before the next attempt."""


def check_9(ledger):
    """All that a gateway keeps is within its bound, and attempts keep to their pauses."""
    world = ledger.world
    looked_at = random.Random(f"{world.seed} bounds").sample(
        world.nodes, min(LOOKS, len(world.nodes))
    )
    found = [each for node in looked_at if node.is_up for each in find_large(node)]
    yield from dict.fromkeys([*world.large, *found, *find_large_memories()])
    jumped = {node.index for node in world.nodes if node.clock.jumps}
    of_message = {row["id"]: at for at, rows in ledger.messages.items() for row in rows}
    for message_id, attempts in ledger.attempts.items():
        yield from _too_often(message_id, attempts)
        if of_message.get(message_id) not in jumped:
            yield from _too_soon(message_id, attempts, world.settings)


def _too_often(message_id, attempts):
    counts = defaultdict(int)
    for each in attempts:
        counts[each["outcome"]] += 1
    if counts[What.HTTP_REFUSED] > HTTP_REFUSALS_MAX:
        yield f"{message_id} was refused {counts[What.HTTP_REFUSED]} times, and sent again"


def _too_soon(message_id, attempts, settings):
    """Compare the pauses between *attempts* with the shortest that the rules know."""
    for nth, (one, following) in enumerate(pairwise(attempts)):
        if one["outcome"] is None or RULES[What(one["outcome"])].again not in PAUSED:
            continue
        doubled = settings["retry_first_seconds"] * 2**nth
        least = 0.75 * min(doubled, settings["retry_max_seconds"])
        pause = (following["started_at"] - one["finished_at"]).total_seconds()
        if pause < least - 0.001 and one["outcome"] != What.INTERRUPTED:
            yield f"{message_id} was sent again {pause:.3f} s after attempt {nth + 1}"
