"""An access point of any make as a target: made of addresses, files and commands.

Whatever is not given makes the cases that need it not applicable.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import (
    Anchors,
    Certificate,
    FailedAuthentication,
    UnusableMaterial,
    load_certificate,
)
from conformance.suite.bench import Tester
from conformance.suite.commands import CommandInbox, CommandOutbox
from conformance.suite.keys import Keys, read_keys
from conformance.suite.target import PATIENCE_SECONDS, Target
from ubl.errors import UblError
from ubl.identifiers import BILLING, INVOICE, DocumentTypeId, ParticipantId, ProcessId
from ubl.routing import read_routing

__all__ = ["Foreign", "MakeDocument", "open_foreign"]

FILE_BYTES_MAX: Final = 8 << 20  # LIMIT: of a certificate, or of the document to send.

MakeDocument = Callable[[ParticipantId, ParticipantId, str], bytes]
"""Makes a document from one participant to another, under a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """What is known of a target; files are paths, *dns* is host:port, *patience* in seconds."""

    url: str
    certificate: Path
    keys: Path
    participant: str
    trust: Sequence[Path]
    password: bytes | None = None
    document: Path | None = None
    smp: str | None = None
    smp_trust: Sequence[Path] = ()
    tls_ca: Path | None = None
    dns: str | None = None
    zone: str | None = None
    inbox_command: str | None = None
    send_command: str | None = None
    listen: str = "127.0.0.1:0"
    patience: float = PATIENCE_SECONDS


@asynccontextmanager
async def open_foreign(
    known: Foreign, tester: Tester, make: MakeDocument
) -> AsyncIterator[tuple[Target, Keys]]:
    """Yield the target and the keys to test it with.

    Raises ValueError, which says what is wrong with which file or value.
    """
    with TemporaryDirectory(prefix="conformance-") as folder:
        outbox = None
        if known.send_command:
            outbox = CommandOutbox(known.send_command, Path(folder), known.patience)
        yield _target(known, tester, make, outbox)
        if outbox is not None:
            await outbox.close()


def _target(
    known: Foreign, tester: Tester, make: MakeDocument, outbox: CommandOutbox | None
) -> tuple[Target, Keys]:
    if urlsplit(known.url).scheme not in ("http", "https"):
        raise ValueError(f"{known.url!r} is no address; write https://ap.example/as4")
    try:
        certificate = _certificate(known.certificate)
        participant = ParticipantId.parse(known.participant)
        document_type, process, document = _document(known, tester, participant, make)
        target = Target(
            as4_url=known.url,
            certificate=certificate,
            trust=_anchors(known.trust),
            participant=participant,
            document_type=document_type,
            process=process,
            document=document,
            outgoing=lambda number, receiver: make(participant, receiver, number),
            tls=ssl.create_default_context(cafile=known.tls_ca) if known.tls_ca else None,
            smp_url=known.smp,
            smp_trust=_anchors(known.smp_trust) if known.smp_trust else None,
            dns=_address(known.dns) if known.dns else None,
            zone=known.zone,
            inbox=CommandInbox(known.inbox_command) if known.inbox_command else None,
            outbox=outbox,
            publishing=outbox,
            listen_at=_address(known.listen),
            patience_seconds=known.patience,
        )
        return target, read_keys(known.keys, known.password, certificate)
    except (UnusableMaterial, UblError) as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from error


def _document(
    known: Foreign, tester: Tester, participant: ParticipantId, make: MakeDocument
) -> tuple[DocumentTypeId, ProcessId, bytes]:
    """Return the document to send, with its type and process."""
    if known.document is None:
        return INVOICE, BILLING, make(tester.participant, participant, "TO-TARGET-1")
    data = _read(known.document)
    routing = read_routing(data)
    if routing.receiver != participant:
        raise ValueError(f"{known.document} is for {routing.receiver.value}, not {participant}")
    return routing.document_type, routing.process, data[routing.root_offset : routing.root_end]


def _certificate(path: Path) -> Certificate:
    data = _read(path)
    try:
        if b"-----BEGIN" in data:
            data = x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        return load_certificate(data)
    except (ValueError, FailedAuthentication) as error:
        raise ValueError(f"{path} holds no certificate, neither PEM nor DER") from error


def _anchors(paths: Sequence[Path]) -> Anchors:
    return Anchors.load(*map(_read, paths))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"{text!r} is no HOST:PORT")
    return host, int(port)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX)
