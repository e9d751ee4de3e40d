"""`gateway worker`: run the jobs alone, beside gateways that serve with `worker = false`.

It needs the same settings as `gateway serve`, and the same database and archive.
"""

import argparse
import os
import sys

from gateway.app import check_settings, run_loop, work_alone
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    add_config,
    add_setting,
    complain,
    load_settings,
    print_json,
)
from gateway.store.errors import StoreError
from gateway.telemetry import configure_logging

SUMMARY = "run the jobs alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `worker`: one for each setting."""
    add_config(parser)
    add_setting(parser)


def run(args: argparse.Namespace) -> int:
    """Work until told to stop; return the exit code.  Raises BadSettings, Unavailable."""
    settings = load_settings(args)
    configure_logging(settings.log_level, settings.log_format)
    check_settings(settings)

    def announce() -> None:
        if args.json or not sys.stdout.isatty():
            print_json({"event": "ready", "seat_id": settings.seat_id, "pid": os.getpid()})
        else:
            print("The worker is ready. Ctrl-C stops it.", flush=True)

    try:
        run_loop(work_alone(settings, announce))
    except StoreError as error:
        complain(str(error))
        return EXIT_REFUSED
    return EXIT_DONE
