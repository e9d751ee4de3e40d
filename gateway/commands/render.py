"""Show a document as a page or as a PDF for archives, in one of four languages.

It reads the UBL document in FILE and writes to --out, or to stdout; no gateway has to run.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.commands.options import EXIT_DONE, add_json, complain, report
from gateway.languages import LANGUAGES
from gateway.rendering.documents import (
    BYTES_MAX,
    File,
    Source,
    make_html,
    make_pdf,
    too_large,
)
from gateway.rendering.press import Press
from gateway.settings import BadSettings

SUMMARY = "show a document as a page or a PDF"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `render`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="UBL document")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language (default: en)")
    parser.add_argument("--format", choices=("html", "pdf"), default="html", help="default: html")
    parser.add_argument(
        "--own", action="store_true", help="the PDF that the document brings along, not ours"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to (default: stdout)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Render the file and return the exit code."""
    if args.own and args.format != "pdf":
        raise BadSettings(["--own goes with --format pdf"])
    if args.json and args.out is None:
        raise BadSettings(["--json needs --out: stdout is for the facts"])
    if args.out is None and args.format == "pdf" and sys.stdout.isatty():
        raise BadSettings(["a PDF is not for a terminal: name a file with --out"])
    data = _read(args.file)
    file = asyncio.run(_render(args, data))
    _write(args.out, file.content)
    if args.out is not None:
        facts = {"file": str(args.file), "written": str(args.out), "source": file.source}
        report(args, facts, _lines)
    return EXIT_DONE


async def _render(args: argparse.Namespace, data: bytes) -> File:
    async with Press() as press:
        if args.format == "html":
            page = await press.run(make_html, data, args.lang)
            return File(name="", media_type="text/html", content=page, source=Source.RENDERED)
        source = Source.OWN if args.own else Source.RENDERED
        now = SystemClock().now()
        file = await press.run(make_pdf, data, args.lang, now, source)
    if file.own_pdf and not args.own:
        complain(f"{args.file} has a PDF of its own, {file.own_pdf}: --own writes that one")
    return file


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise BadSettings([f"{path} cannot be read: {error.strerror}"]) from error
    if len(data) > BYTES_MAX:
        raise too_large(f"it has more than {BYTES_MAX} bytes")
    return data


def _write(path: Path | None, content: bytes) -> None:
    if path is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadSettings([f"{path} cannot be written: {error.strerror}"]) from error


def _lines(facts: Mapping[str, Any]) -> list[str]:
    return [f"{facts['written']} written"]
