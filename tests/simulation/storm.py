"""What goes wrong in a schedule, each kind of fault as one function."""

import asyncio

from tests.simulation.plan import MID_STEP, MOVES, jump, mover


async def go_wrong(world, fault):
    """Let *fault* happen when it is due, and be over after its time."""
    await asyncio.sleep(fault.at)
    node = world.nodes[fault.node]
    world.faults[fault.kind] += fault.kind != MID_STEP
    world.note(f"{node.name}: {fault.kind} {fault.amount:g} for {fault.seconds:.2f}")
    await FAULTS[fault.kind](world, node, fault)


async def _crash(world, node, fault):
    world.loop.kill(node.life)
    await asyncio.sleep(fault.seconds)
    node.restart()


async def _crash_in_mid_step(world, node, fault):
    """Arm it: whether it comes to that, and is counted, depends on what is done after."""
    del world
    node.life.dies_after = node.life.steps + int(fault.amount)


async def _clock_jump(world, node, fault):
    del world
    node.clock.wrong_by += jump(fault)
    node.clock.jumps += 1


async def _roll_over(world, node, fault):
    del world, fault
    if node.generation == 0:
        node.roll_over()


async def _publishers_roll_over(world, node, fault):
    del node, fault
    world.publisher_generation = 1


async def _cut_off(world, node, fault):
    world.network.weather.cut_off.add(node.index)
    await asyncio.sleep(fault.seconds)
    world.network.weather.cut_off.discard(node.index)


async def _dns_away(world, node, fault):
    del node
    world.network.weather.dns_is_away = True
    await asyncio.sleep(fault.seconds)
    world.network.weather.dns_is_away = False


async def _smp_away(world, node, fault):
    world.network.weather.smp_away.add(node.index)
    await asyncio.sleep(fault.seconds)
    world.network.weather.smp_away.discard(node.index)


async def _database_away(world, node, fault):
    node.database_is_away = True
    world.loop.wires.lose(node.life)
    await asyncio.sleep(fault.seconds)
    node.database_is_away = False


async def _checkers_away(world, node, fault):
    world.beside.away.add(node.index)
    await asyncio.sleep(fault.seconds)
    world.beside.away.discard(node.index)


async def _participant_moves(world, old, fault):
    """Let a participant leave one access point for another, as a customer does."""
    del fault
    new = world.nodes[(old.index + 1) % len(world.nodes)]
    who = mover(old.index)
    if not (old.is_up and new.is_up) or who in world.moved:
        return
    world.moved.add(who)
    if await new.work(lambda: new.serve([who])):
        world.network.register(who, new)
        books = world.asking.books_of(who.value)
        await old.work(lambda: old.stop_serving(who, books))


FAULTS = {
    "crash": _crash,
    MID_STEP: _crash_in_mid_step,
    "clock jump": _clock_jump,
    "key roll-over": _roll_over,
    "publisher's roll-over": _publishers_roll_over,
    "cut off": _cut_off,
    "DNS away": _dns_away,
    "SMP away": _smp_away,
    "database away": _database_away,
    "checkers away": _checkers_away,
    MOVES: _participant_moves,
}
