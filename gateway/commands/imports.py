"""Many documents at once: NDJSON and ZIP files that a running gateway works through as a job."""

import argparse
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from gateway.client.bulk import NDJSON, ZIP
from gateway.client.bulkmodel import Import, ImportPage, ImportResult, ImportResults
from gateway.client.gateway import GatewayClient
from gateway.clock import SystemClock
from gateway.commands.options import EXIT_DONE, EXIT_REFUSED
from gateway.commands.remote import Call, add_calls, argument, page_lines, paged, run_call

SUMMARY = "hand in files with many documents, and see what became of them"

_CHUNK_BYTES = 64 * 1024
_WATCH_SECONDS = 3600.0
_STOPPED = ("cancelled", "failed")


def _line(each: Import) -> str:
    done = each.accepted + each.refused
    told = f"{done} of {each.total}: {each.accepted} accepted, {each.refused} refused"
    return f"{each.id}  {each.created_at:%Y-%m-%d %H:%M}  {each.status:<9}  {told}"


def _page(page: ImportPage) -> list[str]:
    return page_lines(map(_line, page.imports), page)


def _result(each: ImportResult) -> str:
    where = f"{each.position}" + (f" {each.name}" if each.name else "")
    if each.problem:
        return f"{where}  refused  {each.problem.code}: {each.problem.detail}"
    return f"{where}  accepted  {each.document_id}"


def _results(page: ImportResults) -> list[str]:
    return page_lines(map(_result, page.results), page)


async def _start(client: GatewayClient, args: argparse.Namespace) -> Import:
    with args.file.open("rb") as file:
        media_type = ZIP if file.read(2) == b"PK" else NDJSON
    started = await client.start_import(
        _pieces(args.file),
        media_type=media_type,
        duplicate=args.duplicate,
        idempotency_key=args.key or str(SystemClock().uuid()),
    )
    if not args.watch:
        return started
    return await client.wait_for_import(started.id, timeout_seconds=_WATCH_SECONDS)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece


_ID = argument("id", type=UUID, metavar="ID", help="the import")

CALLS = (
    Call(
        "start",
        "hand in a file",
        _start,
        lambda started: [_line(started)],
        (
            argument("file", type=Path, metavar="FILE", help="NDJSON (a form a line) or a ZIP"),
            argument("--watch", action="store_true", help="wait until all of it is done"),
            argument(
                "--duplicate", action="store_true", help="send documents whose numbers were sent"
            ),
            argument("--key", metavar="TEXT", help="idempotency key (default: a fresh one)"),
        ),
        lambda started: EXIT_REFUSED if started.status in _STOPPED else EXIT_DONE,
    ),
    Call(
        "list",
        "show imports, newest first",
        lambda client, args: client.imports(limit=args.limit, cursor=args.cursor),
        _page,
        paged(),
    ),
    Call(
        "show",
        "show one import, and how far it is",
        lambda client, args: client.find_import(args.id),
        lambda found: [_line(found)],
        (_ID,),
    ),
    Call(
        "cancel",
        "end an import; what was accepted stays",
        lambda client, args: client.cancel_import(args.id),
        lambda found: [_line(found)],
        (_ID,),
    ),
    Call(
        "results",
        "show what became of the documents of an import",
        lambda client, args: client.import_results(
            args.id, limit=args.limit, cursor=args.cursor, outcome=args.outcome
        ),
        _results,
        (
            _ID,
            *paged(),
            argument("--outcome", choices=("accepted", "refused"), help="those alone"),
        ),
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the calls of `imports`."""
    add_calls(parser, CALLS)


def run(args: argparse.Namespace) -> int:
    """Ask the gateway and return the exit code."""
    return run_call(args, CALLS)
