"""Documents of a running gateway: what was sent and received, how it went, and its files."""

import argparse
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from gateway.client import Document, DocumentPage, Event, GatewayClient, Timeline
from gateway.client.bulkmodel import BatchResult
from gateway.client.model import Report
from gateway.clock import SystemClock
from gateway.commands.files import write_pieces
from gateway.commands.options import EXIT_DONE, EXIT_REFUSED, EXIT_TEMPORARY
from gateway.commands.remote import (
    Call,
    add_calls,
    an_instant,
    argument,
    page_lines,
    paged,
    run_call,
)
from gateway.errors import Fault, Kind
from gateway.languages import LANGUAGES

SUMMARY = "hand in, check, list, follow, fetch, decide and acknowledge a gateway's documents"

_FILES = ("ubl", "pdf", "html", "evidence")
_BATCH_MAX = 100  # LIMIT: documents in one call; more are an import.
_ACCEPTED = 202
_FORM_HEAD = 64  # LIMIT: blanks looked past for the brace that begins a form.
_LATER = ("idempotency-key-in-flight", "unavailable", "internal")
"""Codes of documents that the same call with the same key may still bring through."""


def _line(each: Document) -> str:
    way = f"to {each.receiver}" if each.direction == "out" else f"from {each.sender}"
    when = f"{each.created_at:%Y-%m-%d %H:%M}"
    return f"{each.id}  {when}  {each.status:<9}  {each.kind or ''} {each.number or ''} {way}"


def _page(page: DocumentPage) -> list[str]:
    return page_lines(map(_line, page.documents), page)


def _one(document: Document) -> list[str]:
    found = document.findings or ()
    return [_line(document), *(f"  {each.severity} {each.rule}: {each.message}" for each in found)]


def _step(event: Event) -> str:
    return f"{event.at:%Y-%m-%d %H:%M:%S}  {event.name:<14} {event.detail.get('text', '')}"


async def _timeline(client: GatewayClient, args: argparse.Namespace) -> Timeline:
    return Timeline(events=await client.timeline(args.id))


async def _fetch(client: GatewayClient, args: argparse.Namespace) -> dict[str, Any]:
    """Write one of the document's files to where it is wanted, piece by piece."""
    path = args.output or Path(f"{args.id}.{'zip' if args.file == 'evidence' else args.file}")
    return await write_pieces(path, client.stream(args.id, args.file))


async def _attachment(client: GatewayClient, args: argparse.Namespace) -> dict[str, Any]:
    """Write one of the document's attachments to where it is wanted, piece by piece."""
    path = args.output or Path(f"{args.id}.{args.number}")
    return await write_pieces(path, client.attachment(args.id, args.number))


class _Handed(BatchResult, frozen=True, kw_only=True):
    """What became of one *file*."""

    file: str


async def _batch(client: GatewayClient, args: argparse.Namespace) -> dict[str, list[_Handed]]:
    """Hand in the files in one request; each is answered on its own."""
    if len(args.files) > _BATCH_MAX:
        detail = f"a batch has at most {_BATCH_MAX} documents; `gateway imports` takes more"
        raise Fault(Kind.INVALID, "too-many-documents", detail)
    items = [_item(path, duplicate=args.duplicate) for path in args.files]
    results = await client.send_batch(
        items,
        # One for each call: a connection that breaks in the middle may be tried again.
        idempotency_key=args.key or str(SystemClock().uuid()),
    )
    handed = zip(args.files, results, strict=True)
    return {
        "results": [
            _Handed(file=str(path), **msgspec.structs.asdict(result)) for path, result in handed
        ]
    }


async def _validate(client: GatewayClient, args: argparse.Namespace) -> Report:
    """Let the gateway check the file with its rules."""
    return await client.validate(
        _read(args.document),
        language=args.lang,
        engine=args.engine,
        rules_only=args.rules_only,
    )


def _verdict(report: Report) -> list[str]:
    by = ", ".join(f"{each.id} {each.version}" for each in report.rules) or "no rules"
    return [
        f"{'valid' if report.valid else 'NOT VALID'} ({by}; {report.engine})",
        *(f"  {each.severity} {each.rule}: {each.message}" for each in report.findings),
        *(f"  note: {note}" for note in report.notes),
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        detail = f"{path} cannot be read: {error.strerror}"
        raise Fault(Kind.INVALID, "file-unreadable", detail) from error


def _item(path: Path, *, duplicate: bool) -> msgspec.Raw:
    """Return the document in *path* as an item of a batch: UBL, or a form by its first brace."""
    data = _read(path)
    item: dict[str, object] = {"duplicate": "allow"} if duplicate else {}
    if data[:_FORM_HEAD].lstrip().startswith(b"{"):
        try:
            msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise Fault(Kind.INVALID, "not-json", f"{path} is not JSON: {error}") from error
        item["invoice"] = msgspec.Raw(data)
    else:
        item["ubl"] = data
    return msgspec.Raw(msgspec.json.encode(item))


def _handed(answer: dict[str, list[_Handed]]) -> list[str]:
    return [
        f"{each.file}  accepted  {each.document.id}"
        if each.document
        else f"{each.file}  refused  {_why(each)}"
        for each in answer["results"]
    ]


def _why(each: _Handed) -> str:
    return f"{each.problem.code}: {each.problem.detail}" if each.problem else ""


def _end_of_batch(answer: dict[str, list[_Handed]]) -> int:
    refused = [each.problem for each in answer["results"] if each.status != _ACCEPTED]
    if not refused:
        return EXIT_DONE
    is_passing = all(each and each.code in _LATER for each in refused)
    return EXIT_TEMPORARY if is_passing else EXIT_REFUSED


def _written(file: dict[str, Any]) -> list[str]:
    return [f"{file['file']}  {file['size_bytes']} bytes"]


_ID = argument("id", type=UUID, metavar="ID", help="the document")
_OUTPUT = argument("-o", "--output", type=Path, metavar="PATH", help="where to")

CALLS = (
    Call(
        "batch",
        "hand in up to 100 documents at once, each accepted or refused on its own",
        _batch,
        _handed,
        (
            argument(
                "files", nargs="+", type=Path, metavar="FILE", help="UBL, or the JSON form"
            ),
            argument("--key", metavar="TEXT", help="idempotency key (default: a fresh one)"),
            argument(
                "--duplicate", action="store_true", help="send documents whose numbers were sent"
            ),
        ),
        _end_of_batch,
    ),
    Call(
        "validate",
        "check a document with the gateway's rules; it is not kept (here, without one: validate)",
        _validate,
        _verdict,
        (
            argument("document", type=Path, metavar="FILE", help="UBL"),
            argument("--rules-only", action="store_true", help="leave the schema out"),
            argument("--engine", choices=("native", "saxon"), help="what evaluates the rules"),
            argument("--lang", choices=LANGUAGES, help="language of the hints"),
        ),
        lambda report: EXIT_DONE if report.valid else EXIT_REFUSED,
    ),
    Call(
        "list",
        "show documents, newest first",
        lambda client, args: client.list_documents(
            limit=args.limit,
            cursor=args.cursor,
            direction=args.direction,
            status=args.status,
            updated_after=args.updated_after,
        ),
        _page,
        (
            *paged(),
            argument("--direction", choices=("in", "out"), help="received or sent ones"),
            argument("--status", metavar="STATUS", help="those that stand there"),
            argument(
                "--updated-after", type=an_instant, metavar="INSTANT",
                help="what changed since, in the order of the changes",
            ),
        ),
    ),
    Call(
        "inbox",
        "show received documents that nobody acknowledged, oldest first",
        lambda client, args: client.inbox(limit=args.limit, cursor=args.cursor),
        _page,
        paged(),
    ),
    Call(
        "show",
        "show one document, and what a check of it found",
        lambda client, args: client.document(args.id),
        _one,
        (_ID,),
    ),
    Call(
        "timeline",
        "show every step of a document so far",
        _timeline,
        lambda timeline: [_step(each) for each in timeline.events],
        (_ID,),
    ),
    Call(
        "fetch",
        "write a document, its PDF or page, or its evidence to a file",
        _fetch,
        _written,
        (
            _ID,
            argument("file", choices=_FILES, help="which of its files"),
            _OUTPUT,
        ),
    ),
    Call(
        "attachment",
        "write what is attached to a document to a file",
        _attachment,
        _written,
        (
            _ID,
            argument("number", type=int, metavar="N", help="which one, counted from one"),
            _OUTPUT,
        ),
    ),
    Call(
        "retry",
        "have a document tried again that failed, was given up, or waits for a decision",
        lambda client, args: client.retry(args.id),
        _one,
        (_ID,),
    ),
    Call(
        "cancel",
        "end a document that waits for a decision; it may have arrived all the same",
        lambda client, args: client.cancel(args.id),
        _one,
        (_ID,),
    ),
    Call(
        "ack",
        "take a received document out of the inbox",
        lambda client, args: client.acknowledge(args.id),
        _one,
        (_ID,),
    ),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the calls of `documents`."""
    add_calls(parser, CALLS)


def run(args: argparse.Namespace) -> int:
    """Ask the gateway and return the exit code."""
    return run_call(args, CALLS)
