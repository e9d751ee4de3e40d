"""Join a running sandbox: what are its addresses, who may be found in it, what is revoked?

`show` prints one value of its sandbox.json, for scripts: `gateway sandbox show red.as4`.
`inbox` lists what red (or blue) received last, newest first.
`register` lets blue and red find a participant at an access point of yours, through DNS and SMP.
`unregister` lets that participant be unknown again.
`revoke` puts a certificate of the sandbox on its revocation list.
Each takes the folder that `gateway demo --folder` was given.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from gateway.client import GatewayClient
from gateway.commands.options import EXIT_DONE, add_json, report
from gateway.errors import Fault, Kind, Unavailable
from gateway.sandbox.description import read_description
from ubl.errors import BadIdentifier
from ubl.identifiers import ParticipantId

SUMMARY = "join a running sandbox: show its addresses, register participants, revoke"

_FILE_BYTES_MAX = 64 * 1024  # LIMIT: of a certificate, which has 2 KB, or an API key.
_INBOX_MAX = 20  # LIMIT: more is what the API is for.
_TIMEOUT = aiohttp.ClientTimeout(total=30)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `sandbox show`, `inbox`, `register`, `unregister` and `revoke`."""
    verbs = parser.add_subparsers(dest="what", required=True)
    show = verbs.add_parser("show", help="print one value of sandbox.json, or all of it")
    show.add_argument("key", nargs="?", help="as red.as4, blue.config, dns, truststores.ap")
    inbox = verbs.add_parser("inbox", help="list what red or blue received")
    inbox.add_argument("corner", nargs="?", choices=("red", "blue"), default="red")
    register = verbs.add_parser("register", help="let the sandbox find a participant")
    register.add_argument("participant", metavar="ID", help="as 0208:0542703815")
    register.add_argument(
        "--endpoint", required=True, metavar="URL", help="AS4 address of its access point"
    )
    register.add_argument(
        "--certificate", type=Path, required=True, metavar="FILE", help="of that access point, PEM"
    )
    register.add_argument("--document-type", metavar="ID", help="default: invoice and credit note")
    register.add_argument("--process", metavar="ID", help="goes with --document-type")
    unregister = verbs.add_parser("unregister", help="let a participant be unknown again")
    unregister.add_argument("participant", metavar="ID")
    revoke = verbs.add_parser("revoke", help="put a certificate on the sandbox's list")
    revoke.add_argument("certificate", type=Path, metavar="FILE", help="PEM")
    for verb in (show, inbox, register, unregister, revoke):
        verb.add_argument(
            "--folder",
            type=Path,
            default=Path("sandbox"),
            help="folder of the running demo (default: %(default)s)",
        )
        add_json(verb)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; return the exit code.  Raises Fault and Unavailable."""
    sandbox = read_description(args.folder)
    if args.what == "show":
        _show(args, sandbox)
    elif args.what == "inbox":
        documents = asyncio.run(_received(sandbox[args.corner]))
        lines = [" ".join(str(value) for value in each.values()) for each in documents]
        report(args, {"documents": documents}, lines or ["nothing yet"])
    else:
        facts = asyncio.run(_CALLS[args.what](args, str(sandbox["control"])))
        report(args, facts, [f"{name:12} {value}" for name, value in facts.items()])
    return EXIT_DONE


def _show(args: argparse.Namespace, sandbox: dict[str, Any]) -> None:
    found: Any = sandbox
    for name in args.key.split(".") if args.key else ():
        if not isinstance(found, dict) or name not in found:
            known = ", ".join(found) if isinstance(found, dict) else "nothing below it"
            raise Fault(Kind.NOT_FOUND, "no-such-key", f"{args.key}: no {name}; there is {known}")
        found = found[name]
    if isinstance(found, dict):
        report(args, found, list(_flat("", found)))
    else:
        report(args, {args.key: found}, [str(found)])


def _flat(prefix: str, found: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            lines += _flat(f"{prefix}{name}.", value)
        else:
            lines.append(f"{prefix + name:24} {value}")
    return lines


async def _received(corner: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what *corner* received last; raises Fault and Unavailable."""
    key = _read(Path(corner["api_key_file"])).strip()
    async with GatewayClient(corner["api"], key) as client:
        page = await client.list_documents(direction="in", limit=_INBOX_MAX)
    names = ("created_at", "status", "sender", "receiver", "kind", "number", "message_id")
    return [{name: getattr(each, name) for name in names} for each in page.documents]


async def _register(args: argparse.Namespace, control: str) -> dict[str, Any]:
    if (args.document_type is None) != (args.process is None):
        raise Fault(Kind.INVALID, "incomplete", "--document-type and --process go together")
    wanted: dict[str, Any] = {
        "participant": args.participant,
        "endpoint": args.endpoint,
        "certificate": _read(args.certificate),
    }
    if args.document_type is not None:
        service = {"document_type": args.document_type, "process": args.process}
        wanted["services"] = [service]
    return await _ask("POST", f"{control}/participants", wanted)


async def _unregister(args: argparse.Namespace, control: str) -> dict[str, Any]:
    try:
        participant = ParticipantId.parse(args.participant)
    except BadIdentifier as error:
        raise Fault(Kind.INVALID, "bad-identifier", str(error)) from error
    await _ask("DELETE", f"{control}/participants/{quote(participant.uri, safe='')}", None)
    return {"unregistered": participant.value}


async def _revoke(args: argparse.Namespace, control: str) -> dict[str, Any]:
    return await _ask("POST", f"{control}/revocations", {"certificate": _read(args.certificate)})


# Verbs that ask the sandbox at its address *control*; each returns what is to be reported.
_CALLS = {"register": _register, "unregister": _unregister, "revoke": _revoke}


async def _ask(method: str, url: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the sandbox answers, or raise what it says against it."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(method, url, json=body) as response,
        ):
            facts: dict[str, Any] = {}
            if response.content_type == "application/json":
                facts = await response.json()
            if response.status == 404:
                raise Fault(Kind.NOT_FOUND, "not-registered", "no such participant is registered")
            if response.status >= 400:
                detail = facts.get("error", f"HTTP {response.status}")
                raise Fault(Kind.INVALID, "refused", f"the sandbox refused it: {detail}")
            return facts
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"the sandbox does not answer at {url}: {error}") from error


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_MAX).decode("ascii")
    except (OSError, ValueError) as error:
        detail = f"{path} cannot be read: {error}"
        raise Fault(Kind.INVALID, "file-unreadable", detail) from error
