"""One schedule: ten access points, what is handed in, what goes wrong, and the rest after it.

    outcome = run_schedule(7, databases)
    assert not outcome.violations

The seed decides everything: the same one gives the same trace, line by line.
"""

import asyncio
import gc
import os
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from gateway.client.model import ProblemDetails
from gateway.errors import Unavailable
from tests.simulation.asking import ACCEPTED, Asking
from tests.simulation.beside import Beside
from tests.simulation.bounds import find_large, made_small
from tests.simulation.callers import Callers
from tests.simulation.clock import SimulatedClock
from tests.simulation.hostile import Hostile
from tests.simulation.invoices import participant
from tests.simulation.listening import overheard
from tests.simulation.loop import AtRest, VirtualLoop, begin
from tests.simulation.mutants import Mutants
from tests.simulation.network import Network, Peer
from tests.simulation.node import Node
from tests.simulation.opening import observed
from tests.simulation.plan import MID_STEP, PARTICIPANTS, draw_plan
from tests.simulation.sockets import Sockets
from tests.simulation.sparing import spared
from tests.simulation.storm import go_wrong
from tests.simulation.telling import FOLLOWED, HOOK, Following

NODES = 10
SETTINGS = {
    "retry_first_seconds": 0.5,
    "retry_max_seconds": 4.0,
    "send_give_up_seconds": 3600,
    "send_timeout_seconds": 8.0,
}
REST_SECONDS_MAX = 120.0
"""How long after the storm everything may take to come to its end."""
LOOK_SECONDS = 2.0


@dataclass
class Outcome:
    """How a schedule ended."""

    seed: int
    violations: list
    trace: list
    faults: Counter
    statuses: Counter
    steps: int = 0
    asked: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Acknowledged:
    """A receipt that left: whose, for which message, and whether the message was stored then."""

    node: int
    message_id: str
    verdict: str
    stored: bool


@dataclass(eq=False)
class World:
    """Everything there is in a schedule."""

    seed: int
    loop: VirtualLoop
    mutants: Mutants
    leaks: list
    settings: dict = field(default_factory=lambda: dict(SETTINGS))
    nodes: list = field(default_factory=list)
    trace: list = field(default_factory=list)
    violations: list = field(default_factory=list)
    faults: Counter = field(default_factory=Counter)
    accepted: dict = field(default_factory=dict)
    keys: dict = field(default_factory=lambda: defaultdict(set))
    statuses: Counter = field(default_factory=Counter)
    refused: list = field(default_factory=list)
    acknowledged: list = field(default_factory=list)
    moved: set = field(default_factory=set)
    publisher_generation: int = 0
    network: Network | None = None
    beside: Beside | None = None
    hostile: Hostile | None = None
    sockets: Sockets | None = None
    requests: list = field(default_factory=list)
    large: list = field(default_factory=list)
    callers: Callers | None = None
    asking: Asking | None = None
    observers: list = field(default_factory=list)
    shown: object = None
    is_over: bool = False

    def note(self, text):
        self.trace.append(f"{self.loop.time():10.4f} {text}")

    def violate(self, number, text):
        self.note(f"VIOLATION of {number}: {text}")
        self.violations.append(f"invariant {number}: {text}")

    def bug(self, text, error):
        if self.is_over:
            return
        self.note(f"BUG: {text}: {error!r}")
        self.violations.append(f"bug: {text}: {error!r}")

    async def rows(self, node, query, *arguments):
        """Read what is committed at *node*, as somebody beside the gateway would."""
        return await self.observers[node.index].fetch(query, *arguments)

    async def witness(self, node, answer):
        """Note a receipt before it leaves, and whether what it acknowledges is there by now."""
        if answer.verdict not in ("stored", "duplicate", "repeated", "instance-reused"):
            return
        found = await self.rows(
            node, "SELECT message_id FROM messages WHERE direction = 'in' AND receipt = $1",
            answer.body,
        )  # fmt: skip
        ref = _ref_to(answer.body)
        if not found:
            found = await self.rows(
                node, "SELECT message_id FROM messages WHERE direction = 'in' AND message_id = $1",
                ref,
            )  # fmt: skip
        self.acknowledged.append(Acknowledged(node.index, ref, answer.verdict, bool(found)))

    async def settle(self):
        """Wait until everything has come to its end."""
        await _come_to_rest(self)


def run_schedule(seed, databases, *, mutants=None, nodes=NODES, asking=None, **size):
    """Play the schedule of *seed* on *databases* and return how it ended.

    *size* is what `draw_plan` takes, *asking* what `Asking` does; *mutants* breaks a part on
    purpose.
    """
    from tests.simulation.invariants import check_all

    mutants = mutants or Mutants()
    folder = Path(tempfile.mkdtemp(prefix="simulated-", dir=_memory()))
    with _chance_of(seed), overheard() as leaks, spared(), mutants.switched_on():
        loop = VirtualLoop(random.Random(f"{seed} databases"), databases.sessions)
        world = World(seed, loop, mutants, leaks)
        world.beside = Beside(world, random.Random(f"{seed} processes"))
        world.sockets = Sockets(world, random.Random(f"{seed} sockets"))
        world.hostile = Hostile(world, random.Random(f"{seed} hostile"))
        try:
            loop.set_exception_handler(lambda _, context: _note_error(world, context))
            _build(world, databases, folder, nodes)
            plan = draw_plan(random.Random(f"{seed} plan"), nodes=nodes, **size)
            world.asking = Asking(world, random.Random(f"{seed} asking"), **(asking or {}))
            plan = world.asking.draw(plan, nodes)
            try:
                with (
                    world.beside.in_place(),
                    world.sockets.in_place(),
                    observed(),
                    made_small(),
                    world.asking.slices(),
                ):
                    loop.run_until_complete(_play(world, plan, databases.empty))
                    loop.run_until_complete(check_all(world))
                    loop.run_until_complete(_mend(world))
            except AtRest as stuck:
                world.violate("rest", str(stuck))
            return Outcome(
                seed, world.violations, world.trace,
                world.faults + world.network.faults + world.beside.faults,
                world.statuses, loop.steps, loop.wires.asked, loop.time(),
            )  # fmt: skip
        finally:
            _bury(world)
            shutil.rmtree(folder, ignore_errors=True)


def _build(world, databases, folder, count):
    loop, seed = world.loop, world.seed
    world.network = Network(world, random.Random(f"{seed} network"))
    world.callers = Callers(world, random.Random(f"{seed} callers"))
    for index in range(count):
        clock = SimulatedClock(loop, random.Random(f"{seed} clock {index}"))
        home = folder / str(index)
        home.mkdir()
        node = Node(index, world, databases.dsns[index], home, clock)
        world.nodes.append(node)
        world.sockets.hosts[node.host] = Peer(world.network, node)
    followed = world.nodes[FOLLOWED]
    followed.following = Following(world, followed, random.Random(f"{seed} webhook"))
    world.sockets.hosts[HOOK] = followed.following
    loop.on_death = lambda life: _on_death(world, life)
    wires = loop.wires
    wires.is_away = lambda life: life is not None and life.node.database_is_away
    wires.tell_time = lambda wire: wire.life.node.clock.text() if wire.life is not None else ""


async def _play(world, plan, empty):
    """Start, let the storm pass, and wait until everything has come to its end."""
    for node in world.nodes:
        world.observers.append(await asyncpg.connect(node.dsn))
        await world.observers[-1].execute(f"{empty}; {world.mutants.spoils}")
    for node in world.nodes:
        node.start()
    known = plan.participants | world.asking.participants()
    for node in world.nodes:
        await node.ready.wait()
        ours = [participant(node.index, nth) for nth in range(PARTICIPANTS)]
        ours = [each for each in ours if each.value in known]
        await world.callers.open_books(node, world.asking.dossiers.get(node.index, 1))
        for each in ours:
            world.network.register(each, node)
        for books in range(len(node.books)):
            served = [each for each in ours if world.asking.books_of(each.value) == books]
            await node.run_in(node.serve(served, books))
    following = world.nodes[FOLLOWED].following
    await following.begin()
    reading = world.loop.create_task(following.follow())
    world.network.weather.chance = plan.chance
    async with asyncio.TaskGroup() as group:
        group.create_task(world.hostile.attack())
        for each in plan.hand_ins:
            group.create_task(_hand_in(world, each))
        for each in world.asking.bulks:
            group.create_task(world.asking.upload(each))
        for each in plan.faults:
            group.create_task(go_wrong(world, each))
        await asyncio.sleep(plan.seconds)
        _look_around(world)
        _calm(world)
    await _come_to_rest(world)
    reading.cancel()
    await following.read_to_the_end()


async def _mend(world):
    """Let the databases be as they were before a mutant spoiled them."""
    for observer in world.observers if world.mutants.mends else ():
        await observer.execute(world.mutants.mends)


async def _hand_in(world, hand_in):
    """Hand in a document, again and again until somebody answers, as a careful client does."""
    await asyncio.sleep(hand_in.at)
    node = world.nodes[hand_in.node]
    answer = await world.asking.hand_in(hand_in)
    if answer.status != ACCEPTED:
        world.refused.append((hand_in, msgspec.json.decode(answer.body, type=ProblemDetails)))
        world.note(f"{node.name} refuses {hand_in.invoice.number}: {answer.code}")
        return
    document_id = UUID(answer.json["id"])
    world.accepted.setdefault(document_id, hand_in)
    world.keys[hand_in.node, hand_in.key].add(document_id)
    world.note(f"{node.name} accepts {hand_in.invoice.number} as {document_id}")


def _on_death(world, life):
    """A process died: its peers notice, and somebody starts it again."""
    world.note(f"{life.name} is dead after {life.steps} steps")
    world.network.broken_by_death(life)
    node = life.node
    if life.dies_after is not None:
        world.faults[MID_STEP] += life.steps >= life.dies_after
        world.loop.call_later(1.0, node.restart, context=begin(None))


def _look_around(world):
    """See what two access points keep in the midst of the storm."""
    for node in world.nodes[:2]:
        if node.is_up:
            world.large += find_large(node)


def _calm(world):
    """The storm is over."""
    weather = world.network.weather
    weather.chance = 0.0
    weather.cut_off.clear()
    weather.smp_away.clear()
    weather.dns_is_away = False
    world.beside.away.clear()
    for node in world.nodes:
        if not node.life.dead:
            node.life.dies_after = None
    world.note("calm")


OPEN = """
SELECT (SELECT count(*) FROM documents
        WHERE status IN ('accepted', 'sealed', 'sending', 'received'))
     + (SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked'))
"""


async def _come_to_rest(world):
    """Wait until nothing is open at any access point."""
    until = world.loop.time() + REST_SECONDS_MAX
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for node in world.nodes:
            node.database_is_away = False
            node.restart()
        left = [(await world.rows(node, OPEN))[0][0] for node in world.nodes]
        if not any(left):
            world.note("rest")
            return
        if world.loop.time() > until:
            world.violate("rest", f"still open at each access point: {left}")
            return


def _note_error(world, context):
    """Take what a task left behind that nobody looked at: it is a bug, if its owner lives."""
    error = context.get("exception")
    if error is None or isinstance(error, (asyncio.CancelledError, OSError, Unavailable)):
        return
    if "never retrieved" in context["message"] and not isinstance(error, AssertionError):
        return
    world.bug(context["message"], error)


def _ref_to(soap):
    start = soap.index(b"RefToMessageId>") + len(b"RefToMessageId>")
    return soap[start : soap.index(b"<", start)].decode()


def _memory():
    """Return a folder in memory: what is written there is read back by a restart, and no more."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def _chance_of(seed):
    """Let whatever chance the libraries take by themselves come from *seed*, too."""
    dice = random.Random(f"{seed} machine")
    state, urandom = random.getstate(), os.urandom
    random.seed(f"{seed} library")
    os.urandom = dice.randbytes
    try:
        yield
    finally:
        os.urandom = urandom
        random.setstate(state)


def _bury(world):
    """Let go of everything: kill who lives, then close what nobody will wait for."""
    loop, world.is_over = world.loop, True
    for node in world.nodes:
        if node.life is not None and not node.life.dead:
            loop.on_death = lambda life: None
            loop.kill(node.life)
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        for observer in world.observers:
            observer.terminate()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loop.forget()
            world.nodes.clear()
            gc.collect()
    finally:
        sys.unraisablehook = hook
