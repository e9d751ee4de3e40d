"""Many schedules at once: a process for each processor, each with a database server of its own."""

import asyncio
import gc
import time
import traceback
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from unittest.mock import patch

from gateway.store import embedded
from tests.simulation.databases import Databases
from tests.simulation.mutants import MUTANTS, Mutants
from tests.simulation.world import NODES, run_schedule
from tests.support.database import TestServer

SERVER = MappingProxyType(
    {
        # No power fails here, and a server that is stopped is never started again.
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "autovacuum": "off",
        "max_connections": "200",
    }
)
"""What the servers of simulated networks are told otherwise than the gateway's own."""

SWEEP_EVERY = 50
"""After so many schedules what they deleted is swept away: nobody does it in the background."""


def a_server(folder):
    """Start a server for one process, with its data in *folder*."""
    server = TestServer(folder)
    with patch.dict(embedded.SETTINGS, SERVER):
        server.start()
    return server


def play(seeds, folder, *, processes, mutant=None, seconds=None):
    """Yield how the schedule of each of *seeds* ended; none begins after so many *seconds*."""
    until = None if seconds is None else time.monotonic() + seconds
    context = get_context("spawn")
    results = context.Queue()
    shares = [seeds[start::processes] for start in range(min(processes, len(seeds)))]
    players = [
        context.Process(target=_play_share, args=(share, folder, mutant, until, results))
        for share in shares
    ]
    for player in players:
        player.start()
    left = len(players)
    while left:
        outcome = results.get()
        if outcome is None:
            left -= 1
        elif isinstance(outcome, str):
            raise RuntimeError(outcome)  # what broke is the simulation itself
        else:
            yield outcome
    for player in players:
        player.join()


def _play_share(seeds, folder, mutant, until, results):
    # A server each: what is open in one process must not delay what another reads.
    server = a_server(Path(folder) / str(seeds[0]))
    try:
        databases = Databases(server, NODES)
        gc.collect()
        gc.freeze()
        for nth, seed in enumerate(seeds, start=1):
            if nth % SWEEP_EVERY == 0:
                databases.sweep()
            if until is None or time.monotonic() < until:
                mutants = MUTANTS[mutant]() if mutant else Mutants()
                results.put(run_schedule(seed, databases, mutants=mutants))
                gc.freeze()  # what outlasts a schedule is for all
    except BaseException:  # noqa: BLE001 - it is raised where the results are read
        results.put(traceback.format_exc())
    finally:
        asyncio.run(server.postgres.stop())
        results.put(None)
