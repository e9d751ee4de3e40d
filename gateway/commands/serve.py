"""`gateway serve`: run the access point until SIGTERM or Ctrl-C.

It serves peers (AS4 and SMP) on the public listener and the API on the private one, runs the jobs,
and keeps its own PostgreSQL unless DATABASE_URL names another. Once it listens it says so in one
line: a JSON object in a pipe, a sentence on a terminal.
"""

import argparse
import time

from gateway.app import Addresses, Supervisor, run_loop, serve_alone
from gateway.commands.options import EXIT_DONE, add_config, add_setting
from gateway.commands.running import begin, say_ready
from gateway.settings import Settings

SUMMARY = "run the access point: AS4, SMP, API and jobs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `serve`: one for each setting."""
    add_config(parser)
    add_setting(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; return the exit code.

    Raises BadSettings, StoreError, Unavailable.
    """
    started = time.monotonic()
    settings = begin(args)

    def announce(addresses: Addresses) -> None:
        _announce(args, settings, addresses, time.monotonic() - started)

    if settings.processes > 1:
        return Supervisor(settings, announce).run()
    run_loop(serve_alone(settings, announce))
    return EXIT_DONE


def _announce(
    args: argparse.Namespace, settings: Settings, addresses: Addresses, seconds: float
) -> None:
    """Say once that the gateway takes work, and where."""
    facts = {
        "public": addresses.public,
        "api": addresses.api,
        "stage": settings.stage,
        "processes": settings.processes,
        "seconds": round(seconds, 3),
    }
    sentence = (
        f"{settings.seat_id} ({settings.stage}) is ready: AS4 {addresses.public}/as4,"
        f" SMP {addresses.public}/smp, API {addresses.api}."
    )
    say_ready(args, settings, facts, sentence)
