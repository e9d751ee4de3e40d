"""Two processes beside one: messages received in memory per second, without a load generator.

Two workers live throughout.  Again and again one of them works alone, then both do; and the same
with the floor, which shows what the machine has to give: two processors that share a core have
less than twice the speed of one.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from gateway.app import settle_memory
from tests.bench import floor
from tests.bench.memory import an_envelope_of, inbound_work

SECONDS = 0.3
ROUNDS = 16


def processes_2_over_1(rounds: int = ROUNDS) -> dict[str, float]:
    """Return rates of one and of two processes, and the medians of two over one."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(2)]
    workers = [context.Process(target=_serve, args=(theirs,)) for _, theirs in pipes]
    for worker in workers:
        worker.start()
    first, second = (ours for ours, _ in pipes)
    # One works before and after both do, so that a machine that grows busier favours neither.
    turns: list[tuple[Connection, ...]] = [(first,), (first, second), (second,)]
    rows: dict[str, list[tuple[float, float]]] = {"message": [], "floor": []}
    for _ in range(rounds):
        for kind, rates in rows.items():
            alone, both, again = (_rate(kind, *turn) for turn in turns)
            rates.append(((alone + again) / 2, both))
    for pipe in (first, second):
        pipe.send(None)
    for worker in workers:
        worker.join()
    return {
        "one_per_second": round(statistics.median(one for one, _ in rows["message"])),
        "two_per_second": round(statistics.median(two for _, two in rows["message"])),
        "ratio": round(statistics.median(two / one for one, two in rows["message"]), 2),
        "floor_ratio": round(statistics.median(two / one for one, two in rows["floor"]), 2),
    }


def _rate(kind: str, *pipes: Connection) -> float:
    for pipe in pipes:
        pipe.send(kind)
    return float(sum(pipe.recv() for pipe in pipes))


def _serve(pipe: Connection) -> None:
    sbd = an_envelope_of(8_000)
    kinds = {"message": inbound_work(sbd), "floor": floor.inbound(sbd)}
    for work in kinds.values():
        _per_second(work)
    settle_memory()
    while (kind := pipe.recv()) is not None:
        pipe.send(_per_second(kinds[kind]))


def _per_second(work: Callable[[], None]) -> float:
    started, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < SECONDS:
        work()
        count += 1
    return count / elapsed
