"""Check documents as a receiver on the Peppol network would: XML, schema, EN 16931, Peppol rules.

Nothing is asked of a gateway or the network.  Exit code 0: every document is valid; 1: one is not;
2: a file cannot be read.
"""

import argparse
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.clock import SystemClock
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    EXIT_USAGE,
    Progress,
    add_config,
    add_setting,
    complain,
    load_settings,
    print_json,
)
from gateway.languages import LANGUAGES
from gateway.rules.outcome import Question
from gateway.rules.pipeline import DOCUMENT_BYTES_MAX, check_here
from gateway.rules.report import Report, write_report
from gateway.rules.rulebook import Rulebook
from gateway.rules.shelf import prepare_folder
from gateway.settings import BadSettings, Settings

if TYPE_CHECKING:
    import asyncio

    from gateway.rules.checker import Checker

SUMMARY = "check documents against schema, EN 16931 and Peppol's rules"

# LIMIT: one more byte than a document may have, so that the check can say that it is too large.
FILE_BYTES_MAX = DOCUMENT_BYTES_MAX + 1

_NAMESPACE_TEST = re.compile(r"\*:([^\[]+)\[namespace-uri\(\)='[^']*'\]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `validate`."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="UBL documents")
    parser.add_argument(
        "--rules-only", action="store_true", help="leave the schema out: for fragments"
    )
    parser.add_argument(
        "--engine",
        choices=("native", "saxon"),
        default="native",
        help="what evaluates the rules; saxon needs the extra of that name (default: native)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "svrl"),
        help="text, one JSON object for each file, or SVRL (default: text; --json means json)",
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language of the hints")
    add_config(parser)
    add_setting(parser, "data_dir", "rules_dir")


def run(args: argparse.Namespace) -> int:
    """Check the files and return the exit code."""
    if args.json and args.format not in (None, "json"):
        raise BadSettings([f"--json and --format {args.format} exclude each other"])
    if args.format == "svrl" and len(args.files) > 1:
        raise BadSettings(["--format svrl writes one report: give one file"])
    return _validate(args, load_settings(args))


def _validate(args: argparse.Namespace, settings: Settings) -> int:
    """Check one file after the other; the worst of them decides the exit code."""
    progress, code = Progress(args), EXIT_DONE
    with _Desk(args, settings) as desk:
        for path in args.files:
            try:
                data = _read(path)
            except OSError as error:
                complain(f"{path} cannot be read: {error.strerror}")
                code = EXIT_USAGE
                continue
            progress.say(f"checking {path}")
            report = desk.check(data)
            _show(args, path, report)
            if not report.valid:
                code = max(code, EXIT_REFUSED)
    return code


class _Desk(ExitStack):
    """Checks small documents here, and others in processes that the first of them starts.

    A small one waits for nothing: neither an event loop nor processes are even imported.
    """

    def __init__(self, args: argparse.Namespace, settings: Settings) -> None:
        super().__init__()
        self._args = args
        self._settings = settings
        self._clock = SystemClock()
        prepare_folder(settings)
        self._book = Rulebook(settings.rules_folder)
        self._beside: tuple[asyncio.Runner, Checker] | None = None

    def check(self, data: bytes) -> Report:
        """Return the report on *data*."""
        args = self._args
        if args.engine == "native":
            outcome = check_here(Question(data, args.rules_only, args.lang), self._book)
            if outcome is not None:
                outdated = self._book.outdated(self._clock.now().date())
                return write_report(outcome, outdated, engine=args.engine)
        runner, checker = self._beside = self._beside or self._start()
        return runner.run(
            checker.check(data, rules_only=args.rules_only, engine=args.engine, language=args.lang)
        )

    def _start(self) -> "tuple[asyncio.Runner, Checker]":
        import asyncio  # noqa: PLC0415 - not for small documents

        from gateway.rules.checker import Checker  # noqa: PLC0415 - as above

        runner = self.enter_context(asyncio.Runner())
        stack = AsyncExitStack()
        self.callback(lambda: runner.run(stack.aclose()))
        opened = stack.enter_async_context(Checker.open(self._settings, self._clock))
        return runner, runner.run(opened)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX)


def _show(args: argparse.Namespace, path: Path, report: Report) -> None:
    if args.json or args.format == "json":
        print_json(_facts(path, report))
    elif args.format == "svrl":
        from gateway.rules.svrl import write_svrl  # noqa: PLC0415 - not for the others

        print(write_svrl(report).decode())
    else:
        for line in _lines(path, report):
            print(line, flush=True)


def _facts(path: Path, report: Report) -> Mapping[str, Any]:
    return {
        "file": str(path),
        "valid": report.valid,
        "findings": [asdict(each) for each in report.findings],
        "rules": [asdict(each) for each in report.rules],
        "engine": report.engine,
        "notes": list(report.notes),
    }


def _lines(path: Path, report: Report) -> Iterator[str]:
    """Yield what a person reads: the verdict first, then each finding with what to do."""
    by = ", ".join(f"{each.id} {each.version}" for each in report.rules) or "no rules"
    verdict = "valid" if report.valid else "NOT VALID"
    counts = f"{report.fatal} fatal, {report.warnings} warnings"
    yield f"{path}: {verdict}, {counts} ({by}; {report.engine})"
    for each in report.findings:
        term = f" {each.term}" if each.term else ""
        yield f"  {each.severity} {each.rule}{term} at {_clean(_short(each.location))}"
        yield f"    {_clean(each.message)}"
        if each.hint:
            yield f"    -> {_clean(each.hint)}"
    for note in report.notes:
        yield f"  note: {_clean(note)}"


def _short(location: str) -> str:
    """Return *location* without the tests of namespaces, which no person reads."""
    return _NAMESPACE_TEST.sub(r"\1", location)


def _clean(text: str) -> str:
    """Return *text* of a document without what a terminal would obey."""
    return "".join(each if _is_shown(each) else "\N{REPLACEMENT CHARACTER}" for each in text)


def _is_shown(character: str) -> bool:
    # A space that does not break is one: official messages have it.
    return character.isprintable() or unicodedata.category(character) == "Zs"
