"""What all commands share: common flags, what goes to which stream, and the exit codes.

`--json` prints one JSON object on one line, the last on stdout. Progress goes to stderr, and only
when that is a terminal: in a pipe the commands are silent but for their result.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from gateway.errors import Fault, Kind, Problem, Unavailable
from gateway.settings import BadSettings, Settings, keys

EXIT_DONE = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_TEMPORARY = 3

_FLAG_PREFIX = "setting_"
_API_KEY_BYTES_MAX = 4096  # LIMIT: an API key file; ours has one line.


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, last on stdout")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare `--config` and `--json`, which every command that reads settings has."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings (default: ./gateway.toml)"
    )
    add_json(parser)


def add_setting(parser: argparse.ArgumentParser, *names: str) -> None:
    """Declare a flag for each setting in *names*; without names, for every one."""
    for key in keys():
        if key.name in names or not names:
            parser.add_argument(
                "--" + key.name.replace("_", "-"),
                dest=_FLAG_PREFIX + key.name,
                metavar="VALUE",
                help=key.row.text.replace("%", "%%"),
            )


def add_client(parser: argparse.ArgumentParser) -> None:
    """Declare what a command needs that talks to a running gateway."""
    add_config(parser)
    add_setting(parser, "url")
    parser.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help="file with the API key (default: GATEWAY_API_KEY, else data_dir/api-key)",
    )


def add_dossier(parser: argparse.ArgumentParser) -> None:
    """Declare `--dossier`, for a command that asks a gateway about somebody's books."""
    parser.add_argument(
        "--dossier", type=UUID, metavar="ID", help="whose books (default: the key's only ones)"
    )


def load_settings(args: argparse.Namespace) -> Settings:
    """Return the settings that flags, environment and file make, or raise BadSettings."""
    flags = {
        name.removeprefix(_FLAG_PREFIX): value
        for name, value in vars(args).items()
        if name.startswith(_FLAG_PREFIX)
    }
    return Settings.load(flags, toml_path=args.config)


def api_access(args: argparse.Namespace) -> tuple[str, str]:
    """Return address and key of the API that a command talks to, or raise BadSettings."""
    settings = load_settings(args)
    url = settings.url or f"http://{settings.api_listen}"
    if args.api_key_file is None and settings.api_key is not None:
        return url, settings.api_key
    path = args.api_key_file or settings.data_dir / "api-key"
    try:
        with path.open("rb") as file:
            return url, file.read(_API_KEY_BYTES_MAX).decode("ascii").strip()
    except (OSError, ValueError) as exc:
        raise BadSettings(
            [f"no API key: {path} cannot be read ({exc}); set --api-key-file or GATEWAY_API_KEY"]
        ) from exc


class Progress:
    """What a command says while it works: on stderr, and only on a terminal."""

    def __init__(self, args: argparse.Namespace) -> None:
        del args  # progress is the same with and without --json: it is on the other stream
        self._print: Callable[[str], None] | None = None
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - costs 60 ms that a pipe need not pay

            console = Console(stderr=True, highlight=False, markup=False)
            self._print = console.print

    def say(self, text: str) -> None:
        """Show one line of progress."""
        if self._print is not None:
            self._print(text)


def print_json(facts: Mapping[str, Any]) -> None:
    """Print *facts* as one JSON object on one line of stdout."""
    print(json.dumps(facts, ensure_ascii=False, default=str), flush=True)


def report(
    args: argparse.Namespace,
    facts: Mapping[str, Any],
    lines: Callable[[Any], Sequence[str]] | Sequence[str] = (),
) -> None:
    """Print the result of a command: *facts* with `--json`, else *lines* (or what makes them)."""
    if args.json:
        print_json(facts)
        return
    for line in lines(facts) if callable(lines) else lines:
        print(line, flush=True)


def complain(text: str) -> None:
    """Say on stderr why the command does not do what it was asked."""
    print(text, file=sys.stderr, flush=True)


def exit_code(error: Fault | Unavailable | BadSettings) -> int:
    """Return the exit code that stands for *error*."""
    if isinstance(error, BadSettings):
        return EXIT_USAGE
    if isinstance(error, Unavailable) or error.kind in (Kind.UNAVAILABLE, Kind.TOO_MANY):
        return EXIT_TEMPORARY
    return EXIT_REFUSED


def refuse(
    args: argparse.Namespace,
    error: Fault | Unavailable | BadSettings,
    code: int | None = None,
) -> int:
    """Report *error* on stderr, and with `--json` as an object on stdout; return the exit code.

    That is *code*, or if it is not given the one that stands for *error*.
    """
    facts: dict[str, Any] = {"ok": False, "error": str(error)}
    problems: Sequence[Problem] = ()
    if isinstance(error, BadSettings):
        facts["code"] = "bad-settings"
    else:
        facts["code"] = error.code
        if error.phase:
            facts["phase"] = error.phase
    if isinstance(error, Fault):
        problems = error.errors
        facts["errors"] = [
            {name: getattr(problem, name) for name in Problem.__slots__} for problem in problems
        ]
    complain("\n".join(error.problems) if isinstance(error, BadSettings) else str(error))
    for problem in problems:
        place = f"{problem.location}: " if problem.location else ""
        complain(f"  {place}{problem.message}{f' ({problem.hint})' if problem.hint else ''}")
    if getattr(args, "json", False):
        print_json(facts)
    return exit_code(error) if code is None else code
