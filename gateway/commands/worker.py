"""`gateway worker`: run the jobs alone, beside gateways that serve with `worker = false`.

It needs the same settings as `gateway serve`, and the same database and archive.
"""

import argparse

from gateway.app import run_loop, work_alone
from gateway.commands.options import EXIT_DONE, add_config, add_setting
from gateway.commands.running import begin, say_ready

SUMMARY = "run the jobs alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `worker`: one for each setting."""
    add_config(parser)
    add_setting(parser)


def run(args: argparse.Namespace) -> int:
    """Work until told to stop; return the exit code.

    Raises BadSettings, StoreError, Unavailable.
    """
    settings = begin(args)

    def announce() -> None:
        say_ready(args, settings, {}, "The worker is ready.")

    run_loop(work_alone(settings, announce))
    return EXIT_DONE
