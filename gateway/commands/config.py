"""Show the settings: what they are and where each value comes from, or what keys there are.

`gateway config show` hides secrets. `gateway config keys` prints the table of all keys, in
Markdown.
"""

import argparse
import json
from typing import Any

from gateway.commands.options import (
    EXIT_DONE,
    add_config,
    add_json,
    load_settings,
    report,
)
from gateway.settings import Key, Settings, keys

SUMMARY = "show the settings and where each value comes from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `config show` and `config keys`."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="show|keys")
    show = verbs.add_parser("show", help="show every setting, secrets hidden")
    show.add_argument("--origin", action="store_true", help="say where each value comes from")
    add_config(show)
    add_json(verbs.add_parser("keys", help="print the table of all settings, in Markdown"))


def run(args: argparse.Namespace) -> int:
    """Show what was asked for and return the exit code."""
    if args.what == "keys":
        report(args, {"keys": [_row(key) for key in keys()]}, _table)
    else:
        settings = load_settings(args)
        facts = _with_origins(settings) if args.origin else settings.shown()
        report(args, facts, _listing(settings, origin=args.origin))
    return EXIT_DONE


def _with_origins(settings: Settings) -> dict[str, Any]:
    return {
        name: {"value": value, "origin": settings.origins.get(name, "default")}
        for name, value in settings.shown().items()
    }


def _listing(settings: Settings, *, origin: bool) -> list[str]:
    """Return the settings as lines of TOML, what is not set as comments."""
    lines = []
    for name, value in settings.shown().items():
        line = f"# {name} is not set" if value is None else f"{name} = {json.dumps(value)}"
        source = settings.origins.get(name, "default")
        lines.append(f"{line:<60}  # {source}" if origin else line)
    return lines


def _row(key: Key) -> dict[str, Any]:
    """Return a row of the table as JSON."""
    return {
        "name": key.name,
        "kind": key.kind,
        "default": _default(key),
        "text": key.row.text,
        "low": key.row.low,
        "high": key.row.high,
        "choices": list(key.row.choices),
        "secret": key.row.secret,
    }


def _default(key: Key) -> Any:
    if key.default is None or isinstance(key.default, bool | int | float):
        return key.default
    return list(key.default) if isinstance(key.default, tuple) else str(key.default)


def _table(facts: dict[str, Any]) -> list[str]:
    """Return the table of all settings in Markdown."""
    lines = ["| key | kind | default | meaning |", "| --- | --- | --- | --- |"]
    for row in facts["keys"]:
        default = "" if row["default"] in (None, []) else f"`{json.dumps(row['default'])}`"
        notes = _notes(row)
        meaning = f"{row['text']} ({notes})" if notes else row["text"]
        lines.append(f"| `{row['name']}` | {row['kind']} | {default} | {meaning} |")
    return lines


def _notes(row: dict[str, Any]) -> str:
    notes = []
    if row["choices"]:
        notes.append(" or ".join(row["choices"]))
    if row["low"] is not None:
        notes.append(f"{row['low']} to {row['high']}")
    if row["secret"]:
        notes.append("secret")
    return "; ".join(notes)
