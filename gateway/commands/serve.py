"""`gateway serve`: run the access point until SIGTERM or Ctrl-C.

It serves peers (AS4 and SMP) on the public listener and the API on the private one, runs the jobs,
and keeps its own PostgreSQL unless DATABASE_URL names another. Once it listens it says so in one
line: a JSON object in a pipe, a sentence on a terminal.
"""

import argparse
import os
import sys
import time

from gateway.app import Addresses, Supervisor, check_settings, run_loop, serve_alone
from gateway.commands.options import (
    EXIT_REFUSED,
    add_config,
    add_setting,
    complain,
    load_settings,
    print_json,
)
from gateway.settings import Settings
from gateway.store.errors import StoreError
from gateway.telemetry import configure_logging

SUMMARY = "run the access point: AS4, SMP, API and jobs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `serve`: one for each setting."""
    add_config(parser)
    add_setting(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; return the exit code.  Raises BadSettings, Unavailable."""
    started = time.monotonic()
    settings = load_settings(args)
    configure_logging(settings.log_level, settings.log_format)
    check_settings(settings)

    def announce(addresses: Addresses) -> None:
        _announce(args, settings, addresses, time.monotonic() - started)

    try:
        if settings.processes > 1:
            return Supervisor(settings, announce).run()
        run_loop(serve_alone(settings, announce))
    except StoreError as error:
        complain(str(error))
        return EXIT_REFUSED
    return 0


def _announce(
    args: argparse.Namespace, settings: Settings, addresses: Addresses, seconds: float
) -> None:
    """Say once that the gateway takes work, and where."""
    if args.json or not sys.stdout.isatty():
        print_json(
            {
                "event": "ready",
                "public": addresses.public,
                "api": addresses.api,
                "stage": settings.stage,
                "seat_id": settings.seat_id,
                "processes": settings.processes,
                "pid": os.getpid(),
                "seconds": round(seconds, 3),
            }
        )
        return
    print(
        f"{settings.seat_id} ({settings.stage}) is ready: AS4 {addresses.public}/as4,"
        f" SMP {addresses.public}/smp, API {addresses.api}. Ctrl-C stops it.",
        flush=True,
    )
