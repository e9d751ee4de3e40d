"""What `serve` and `worker` share, which stay until they are stopped: start and ready line."""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any

from gateway.app import check_settings
from gateway.commands.options import load_settings, print_json
from gateway.settings import Settings
from gateway.telemetry import configure_logging


def begin(args: argparse.Namespace) -> Settings:
    """Return settings that a gateway can run with, and log as they say; raises BadSettings."""
    settings = load_settings(args)
    configure_logging(settings.log_level, settings.log_format)
    check_settings(settings)
    return settings


def say_ready(
    args: argparse.Namespace, settings: Settings, facts: Mapping[str, Any], sentence: str
) -> None:
    """Say once that work is taken: *sentence* on a terminal, else *facts* as a JSON object."""
    if args.json or not sys.stdout.isatty():
        seat = {"seat_id": settings.seat_id, "pid": os.getpid()}
        print_json({"event": "ready", **seat, **facts})
    else:
        print(f"{sentence} Ctrl-C stops it.", flush=True)
