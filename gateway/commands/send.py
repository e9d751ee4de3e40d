"""Send a document through a running gateway, and follow it.

FILE is UBL, or an invoice in the JSON form of the API, which the gateway turns into UBL.

The receiver stands in the document. With --to the gateway also checks that it is the one you mean,
and refuses the document if not; it never sends a document to somebody it does not name.
With --endpoint and --certificate nothing is looked up: the message goes to that address, for tests
of a peer. The production stage refuses that.
"""

import argparse
import asyncio
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.client import Document, Event, GatewayClient
from gateway.clock import SystemClock
from gateway.commands.options import (
    EXIT_DONE,
    EXIT_REFUSED,
    EXIT_TEMPORARY,
    EXIT_USAGE,
    Progress,
    add_client,
    add_dossier,
    api_access,
    refuse,
    report,
)
from gateway.errors import Fault, Kind

SUMMARY = "send a document, and with --watch follow it until it is delivered"

_WATCH_SECONDS = 600.0
_CERTIFICATE_BYTES_MAX = 64 * 1024  # LIMIT: a certificate has 2 KB.
_EXITS = {"delivered": EXIT_DONE, "uncertain": EXIT_TEMPORARY, "waiting": EXIT_TEMPORARY}
"""The exit code for each final status; the others mean that it was not sent."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `send`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="UBL document, or the JSON form")
    parser.add_argument(
        "--to", metavar="ID", help="receiver you mean, as 0208:0123456749; another is refused"
    )
    parser.add_argument("--watch", action="store_true", help="follow it to its end")
    parser.add_argument(
        "--timeout",
        type=float,
        default=_WATCH_SECONDS,
        metavar="SECONDS",
        help="how long --watch follows (default: %(default)s)",
    )
    parser.add_argument(
        "--key",
        metavar="TEXT",
        help="idempotency key: the same key and document are sent once (default: a fresh one)",
    )
    parser.add_argument(
        "--duplicate", action="store_true", help="send it although its number was sent before"
    )
    parser.add_argument("--endpoint", metavar="URL", help="send here, without a look-up")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="certificate of the access point at --endpoint, PEM or DER",
    )
    add_client(parser)
    add_dossier(parser)


def run(args: argparse.Namespace) -> int:
    """Hand in the document and return the exit code."""
    if (args.endpoint is None) != (args.certificate is None):
        detail = "--endpoint and --certificate go together"
        return refuse(args, Fault(Kind.INVALID, "incomplete-endpoint", detail), EXIT_USAGE)
    try:
        data = _read(args.file)
        certificate = None if args.certificate is None else _read_certificate(args.certificate)
    except Fault as fault:
        return refuse(args, fault, EXIT_USAGE)
    return asyncio.run(_send(args, data, certificate))


async def _send(args: argparse.Namespace, data: bytes, certificate: bytes | None) -> int:
    url, key = api_access(args)
    progress = Progress(args)
    last: list[Event] = []

    def hear(event: Event) -> None:
        last[:] = [event]
        _show(args, progress, event)

    async with GatewayClient(url, key, dossier=args.dossier) as client:
        document = await client.send_document(
            data,
            # One for each call: a connection that breaks in the middle may be tried again.
            idempotency_key=args.key or str(SystemClock().uuid()),
            to=args.to,
            endpoint=args.endpoint,
            certificate=certificate,
            duplicate=args.duplicate,
        )
        progress.say(f"accepted as {document.id}")
        if not args.watch:
            _report(args, document)
            return EXIT_DONE
        document = await client.wait_for(
            document.id,
            timeout_seconds=args.timeout,
            heard=hear,
        )
    _report(args, document, last[0] if last else None)
    return _EXITS.get(document.status, EXIT_REFUSED)


def _show(args: argparse.Namespace, progress: Progress, event: Event) -> None:
    """Show one step as it happens: on stdout, or beside the JSON on a terminal's stderr."""
    line = f"{event.at:%H:%M:%S.%f}"[:-3] + f"  {event.name:<12} {event.detail.get('text', '')}"
    if args.json:
        progress.say(line)
    else:
        print(line, flush=True)


def _report(args: argparse.Namespace, document: Document, last: Event | None = None) -> None:
    """Say where *document* stands, and by its *last* step how far it came when it ended badly."""
    facts = {
        "document_id": str(document.id),
        "status": document.status,
        "receiver": document.receiver,
        "number": document.number,
        "message_id": document.message_id,
        "sha256": document.sha256,
    }
    line = f"{document.id} is {document.status}"
    if last is not None and document.status != "delivered" and "phase" in last.detail:
        for name in ("phase", "code", "detail"):
            facts[name] = last.detail.get(name)
        line += f" ({facts['phase']}: {facts['detail']})"
    report(args, facts, [line])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        detail = f"{path} cannot be read: {error.strerror}"
        raise Fault(Kind.INVALID, "file-unreadable", detail) from error


def _read_certificate(path: Path) -> bytes:
    """Return the certificate in *path* as DER."""
    data = _read(path)[:_CERTIFICATE_BYTES_MAX]
    try:
        pem = b"-----BEGIN CERTIFICATE-----" in data
        read = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
        return read(data).public_bytes(Encoding.DER)
    except ValueError as error:
        detail = f"{path} holds no certificate, neither PEM nor DER"
        raise Fault(Kind.INVALID, "bad-certificate", detail) from error
