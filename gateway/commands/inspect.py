"""Explain a captured AS4 message, receipt, error or HTTP dump, and judge it as the endpoint would.

Nothing is asked of a gateway, a database or the network: what they would have to tell is listed as
not checked.  Exit code 0: all that could be checked is good; 1: something in the bytes is bad;
2: a file or a value on the command line cannot be used.
"""

import argparse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from as4.certificates import (
    CURVE_KEYS,
    Anchors,
    Certificate,
    PrivateKey,
    load_curve_key,
    load_key,
)
from as4.dump import read_dump
from as4.errors import As4Error, Unreadable, UnusableMaterial
from as4.inspection import Kind, Known, Problem, Report, Sent, describe, inspect, read_request
from as4.xmlenc import KEY_BYTES
from gateway.clock import SystemClock
from gateway.commands.options import EXIT_DONE, EXIT_REFUSED, add_json, complain, report
from gateway.exchange.inbound import DUPLICATE_MEMORY
from gateway.settings import BadSettings

SUMMARY = "what is in this captured message, and is it good?"

# LIMIT: a capture of the largest message: 160 MiB on the wire, and its head.
FILE_BYTES_MAX = 192 << 20
# LIMIT: a key or a bundle of certificates.
MATERIAL_BYTES_MAX = 1 << 20

_PUBLISHERS = "SERVICE METADATA PUBLISHER"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `inspect`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="HTTP dump, MIME body or envelope")
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="receiver's key (PEM or PKCS#12): opens the attachment",
    )
    parser.add_argument("--key-password", metavar="TEXT", help="password of the key")
    parser.add_argument(
        "--trust", type=Path, metavar="FILE", action="append", default=[],
        help="certificate of a root or an issuing authority; repeat it for each",
    )  # fmt: skip
    parser.add_argument(
        "--at", metavar="TIME", help="judge as of this time (default: the message's timestamp)"
    )
    parser.add_argument(
        "--request", type=Path, metavar="FILE", help="message that the receipt must be about"
    )
    parser.add_argument("--payload", type=Path, metavar="OUT", help="write the document here")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Inspect the file and return the exit code."""
    if args.payload is not None and args.key is None:
        raise BadSettings(["--payload needs --key: the document is encrypted"])
    known, sent = _known(args), _request(args)
    found = _inspect(_read(args.file, FILE_BYTES_MAX), known, sent)
    if sent is not None and found.kind is Kind.USER_MESSAGE:
        raise BadSettings([f"--request is for a receipt or an error; {args.file} is a message"])
    facts = {"file": str(args.file), **describe(found)}
    if args.payload is not None:
        facts["written"] = _write_document(args.payload, found)
    report(args, facts, lambda known_facts: list(_lines(known_facts)))
    return EXIT_DONE if found.good else EXIT_REFUSED


def _inspect(data: bytes, known: Known, sent: Sent | None) -> Report:
    try:
        dump = read_dump(data)
    except Unreadable as refusal:
        problem = Problem(None, refusal.detail, refusal.status)
        return Report(Kind.UNREADABLE, problems=[problem])
    return inspect(dump, known, sent=sent)


def _known(args: argparse.Namespace) -> Known:
    """Return what the flags say; raises BadSettings for a file or a time that is no good."""
    key = certificate = None
    if args.key is not None:
        password = None if args.key_password is None else args.key_password.encode()
        try:
            key, certificate = _load_key(_read(args.key, MATERIAL_BYTES_MAX), password)
        except UnusableMaterial as error:
            raise BadSettings([f"--key {args.key}: {error}"]) from error
    return Known(
        anchors=_anchors(args.trust),
        at=_instant(args.at),
        key=key,
        certificate=certificate,
        random_key=SystemClock().random(KEY_BYTES),
        duplicate_memory=DUPLICATE_MEMORY,
    )


def _load_key(data: bytes, password: bytes | None) -> tuple[PrivateKey, Certificate | None]:
    """Return the key in *data*, of either suite; raises UnusableMaterial in the words of RSA."""
    try:
        return load_key(data, password)
    except UnusableMaterial:
        with suppress(UnusableMaterial):
            return load_curve_key(data, password)
        raise


def _load_anchors(files: list[bytes]) -> Anchors:
    """Return the authorities in *files*, of either suite; else as `_load_key`."""
    try:
        return Anchors.load(*files)
    except UnusableMaterial:
        with suppress(UnusableMaterial):
            return Anchors.load(*files, kinds=CURVE_KEYS)
        raise


def _anchors(files: list[Path]) -> Anchors | None:
    """Return the authorities in *files*; that of metadata publishers vouches for no message."""
    if not files:
        return None
    try:
        given = _load_anchors([_read(file, MATERIAL_BYTES_MAX) for file in files])
    except UnusableMaterial as error:
        raise BadSettings([f"--trust: {error}"]) from error
    # The authorities of a stage are told apart by their names alone.  [PEPPOL-PKI]
    issuers = tuple(
        each for each in given.issuers
        if _PUBLISHERS not in each.subject.rfc4514_string().upper()
    )  # fmt: skip
    return replace(given, issuers=issuers)


def _instant(text: str | None) -> datetime | None:
    """Return the time *text*, in UTC where it names no zone."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadSettings(
            [f"--at {text!r} is no time; write it as 2026-01-31T12:00:00Z"]
        ) from error


def _request(args: argparse.Namespace) -> Sent | None:
    if args.request is None:
        return None
    try:
        return read_request(read_dump(_read(args.request, FILE_BYTES_MAX)))
    except (Unreadable, As4Error) as error:
        raise BadSettings([f"--request {args.request} is no signed message: {error}"]) from error


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise BadSettings([f"{path} cannot be read: {error.strerror}"]) from error
    if len(data) > bytes_max:
        raise BadSettings([f"{path} is larger than {bytes_max} bytes"])
    return data


def _write_document(path: Path, found: Report) -> str | None:
    """Write the document to *path*, and return that, if the message could be opened so far."""
    document = None if found.payload is None else found.payload.document
    if document is None:
        complain(f"{path} is not written: no document could be read")
        return None
    try:
        path.write_bytes(document)
    except OSError as error:
        raise BadSettings([f"{path} cannot be written: {error.strerror}"]) from error
    return str(path)


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    """Yield what a person reads: the verdict first, then what it is about."""
    kind = f"{facts['kind']}, a ping" if facts["ping"] else facts["kind"]
    yield f"{facts['file']}: {kind}, {_verdict(facts)}"
    for each in facts["problems"][1:]:
        yield f"  also bad: {_problem(each['code'], each['detail'])}"
    yield from _header_lines(facts)
    yield from _signature_lines(facts)
    yield from _content_lines(facts)
    for each in facts["warnings"]:
        yield f"warning          {each}"
    for each in facts["not_checked"]:
        yield f"not checked      {each['what']}: {each['why']}"


def _verdict(facts: dict[str, Any]) -> str:
    if facts["verdict"] == "good":
        return "good as far as it could be checked"
    status = facts["http_status"]
    code = facts["code"] if status is None else f"HTTP {status}"
    return f"BAD: {_problem(code, facts['problem'])}"


def _problem(code: str | None, detail: str) -> str:
    return _clean(detail if code is None else f"{code}: {detail}")


def _header_lines(facts: dict[str, Any]) -> Iterator[str]:
    rows = (
        ("message", "message_id"),
        ("about", "ref_to_message_id"),
        ("time", "timestamp"),
        ("from", "from_party"),
        ("to", "to_party"),
        ("sender", "sender"),
        ("receiver", "receiver"),
        ("document type", "document_type"),
        ("process", "process"),
    )
    for label, name in rows:
        if facts[name] is not None:
            yield f"{label:16} {_clean(facts[name])}"


def _signature_lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"signature value  {facts['signature']}"
    for each in facts["references"]:
        yield f"  covers         {each['covers']}, digest {each['digest']} ({_clean(each['uri'])})"
    signer = facts["signer"]
    if signer is not None:
        valid = {True: "valid", False: "NOT VALID", None: "validity not checked"}[
            signer["valid_at"]
        ]
        yield f"signer           {_clean(signer['subject'])}"
        yield f"  issued by      {_clean(signer['issuer'])}, chain {signer['chain']}"
        yield f"  from - until   {signer['not_before']} - {signer['not_after']}"
        yield f"  then           {valid} at {facts['judged_at']}"
        yield f"  SHA-256        {signer['sha256']}"


def _content_lines(facts: dict[str, Any]) -> Iterator[str]:
    if facts["encrypted_for"] is not None:
        yield f"encrypted for    {_clean(facts['encrypted_for'])}"
    for each in facts["acknowledges"] or ():
        yield f"acknowledges     {_clean(each['uri'])}, in the request: {each['in_request']}"
    for each in facts["errors"] or ():
        words = (each["code"], each["severity"], each["description"], each["error_detail"])
        yield f"error            {_clean(' | '.join(word for word in words if word))}"
    if facts["fault"] is not None:
        yield f"SOAP fault       {_clean(facts['fault'])}"
    payload = facts["payload"]
    if payload is not None:
        yield from _payload_lines(payload)
    if facts.get("written"):
        yield f"written          {facts['written']}"


def _payload_lines(payload: dict[str, Any]) -> Iterator[str]:
    yield f"envelope         {payload['envelope_bytes']} bytes"
    yield f"  SHA-256           {payload['envelope_sha256']}"
    header = payload["sbdh"]
    for name, value in (header or {}).items():
        if name != "scopes":
            yield f"  {name:19} {_clean(value)}"
    for scope in (header or {}).get("scopes", ()):
        yield f"  {_clean(scope['type']):19} {_clean(scope['value'])}"
    if header is not None:
        yield f"  says the same as the ebMS header: {payload['agrees']}"
    if payload["document_sha256"] is not None:
        yield f"document         {_clean(payload['document'])}"
        yield f"  {payload['document_bytes']} bytes, SHA-256 {payload['document_sha256']}"


def _clean(text: str) -> str:
    """Return *text*, which a stranger wrote, without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
