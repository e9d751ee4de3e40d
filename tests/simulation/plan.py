"""What happens in a schedule, drawn from its seed: who hands in what, and what goes wrong when."""

from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.invoices import an_invoice, node_of, participant
from tests.simulation.rules import FLAWS, UNCOVERED

SIZES = {2: 4, 4: 6, 6: 4, 10: 2, 24: 1}
"""How many documents a schedule has, and how often: most are small, for more of them are played."""
PARTICIPANTS = 3
SENDERS = 0, 0, 1, 2
"""Which participant of an access point hands something in, and how often beside the others."""
FLAWED = 0.2
"""How often a document breaks a rule, or is one that there are no rules for."""
AGAIN = 0.2
"""How often a document is handed in twice, by mistake or because no answer was heard."""
STEPS_MAX = 2_000
"""A process that is to die in the midst of what it does, does so within this many steps."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at *at* and, if it has an end, is over after *seconds*."""

    at: float
    kind: str
    node: int
    seconds: float = 0.0
    amount: float = 0.0


@dataclass(frozen=True)
class HandIn:
    """At *at* somebody hands *invoice* in at the access point *node*, under *key*."""

    at: float
    node: int
    invoice: object
    key: str


@dataclass(frozen=True)
class Plan:
    """All that a schedule draws before it begins."""

    seconds: float
    chance: float
    faults: tuple
    hand_ins: tuple

    @property
    def participants(self):
        """Who sends or receives something, or moves, as identifiers."""
        known = {value for each in self.hand_ins for value in each.invoice.parties}
        return known | {mover(each.node).value for each in self.faults if each.kind == MOVES}


MID_STEP = "crash in mid-step"
MOVES = "participant moves"
KINDS = {
    "crash": 6,
    MID_STEP: 8,
    "clock jump": 2,
    "key roll-over": 2,
    "publisher's roll-over": 1,
    "cut off": 2,
    "DNS away": 1,
    "SMP away": 2,
    "database away": 3,
    "checkers away": 2,
    MOVES: 2,
}
"""The faults of a machine, and how often each is drawn beside the others."""


def draw_plan(dice, *, nodes, documents=None, faults=None, chance=None, seconds=None, again=AGAIN):
    """Return the plan of one schedule for so many *nodes*.

    *chance* is that of a fate of the network's, *again* how often a document is handed in twice.
    The storm takes so many *seconds*; then all that is away comes back.  What is not given is
    drawn, or follows from the number of *documents*.
    """
    documents = documents or dice.choices(list(SIZES), list(SIZES.values()))[0]
    faults = 2 + documents * 3 // 4 if faults is None else faults
    seconds = seconds or 6.0 + 0.8 * documents
    hand_ins = list(_draw_hand_ins(dice, nodes, documents, seconds, again))
    busy = sorted({node_of(value) for each in hand_ins for value in each.invoice.parties})
    drawn = [_draw_fault(dice, _draw_node(dice, busy, nodes), seconds) for _ in range(faults)]
    return Plan(
        seconds=seconds,
        chance=dice.choice((0.05, 0.2, 0.4, 0.6)) if chance is None else chance,
        faults=tuple(sorted(drawn, key=lambda each: each.at)),
        hand_ins=tuple(sorted(hand_ins, key=lambda each: each.at)),
    )


def _draw_hand_ins(dice, nodes, documents, seconds, again):
    for number in range(documents):
        sender = dice.randrange(nodes)
        receiver = (sender + dice.randrange(1, nodes)) % nodes
        invoice = an_invoice(
            participant(sender, dice.choice(SENDERS)).value,
            participant(receiver, dice.randrange(PARTICIPANTS)).value,
            f"2026-{number:04}",
            dice.choice((0, 0, 0, 30_000)),
            dice.choice((*FLAWS, UNCOVERED)) if dice.random() < FLAWED else "",
        )
        # Some come at the same moment, and share what is done together.
        at = dice.choice((1.0, 2.0, dice.uniform(0.5, seconds * 0.7)))
        yield HandIn(at, sender, invoice, f"key-{number}")
        if dice.random() < again:
            # Handed in twice: by mistake under another key, or again under the same.
            key = dice.choice((f"key-{number}", f"other-{number}"))
            yield HandIn(at + dice.choice((0, dice.uniform(0, 10))), sender, invoice, key)


def _draw_node(dice, busy, nodes):
    """Mostly one of *busy*, for what befalls others is hardly noticed."""
    return dice.choice(busy) if dice.random() < 0.75 else dice.randrange(nodes)


def _draw_fault(dice, node, seconds):
    kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
    amount = 0.0
    if kind == MID_STEP:
        amount = int(STEPS_MAX ** dice.random())
    elif kind == "clock jump":
        # Back by little: what waits for a time of day waits as much longer.
        amount = dice.choice((-60.0, -10.0, -0.5, 0.5, 10.0, 60.0, 600.0, 7200.0))
    return Fault(
        at=dice.uniform(0.5, seconds),
        kind=kind,
        node=node,
        seconds=dice.uniform(0.2, 10.0),
        amount=amount,
    )


def mover(node):
    """Return who leaves *node* when one moves."""
    return participant(node, 1)


def jump(fault):
    return timedelta(seconds=fault.amount)
