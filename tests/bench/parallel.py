"""Two processes beside one: messages received in memory per second, without a load generator."""

import multiprocessing
import statistics
import time
from multiprocessing.synchronize import Barrier, Event
from typing import Any

from tests.bench.memory import an_envelope_of, inbound_work

SECONDS = 2.0
REPEATS = 3


def processes_2_over_1(repeats: int = REPEATS, seconds: float = SECONDS) -> dict[str, float]:
    """Return the median of (rate of two processes) over (rate of one), measured in turn."""
    rows = [(_rate(1, seconds), _rate(2, seconds)) for _ in range(repeats)]
    return {
        "one_per_second": round(statistics.median(row[0] for row in rows)),
        "two_per_second": round(statistics.median(row[1] for row in rows)),
        "ratio": round(statistics.median(row[1] / row[0] for row in rows), 2),
    }


def _rate(count: int, seconds: float) -> float:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(count + 1), context.Event()
    results: Any = context.Queue()
    workers = [
        context.Process(target=_work, args=(ready, done, results, seconds)) for _ in range(count)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    total = sum(results.get() for _ in workers)
    done.set()
    for worker in workers:
        worker.join()
    return total


def _work(ready: Barrier, done: Event, results: Any, seconds: float) -> None:
    work = inbound_work(an_envelope_of(8_000))
    for _ in range(50):
        work()
    ready.wait()
    started, count = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < seconds:
        work()
        count += 1
    results.put(count / elapsed)
    done.wait(60)
