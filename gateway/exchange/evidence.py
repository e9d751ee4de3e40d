"""The evidence of an exchange as a ZIP: message, receipt, who signed them, and how to check it.

The files are what was on the wire, byte for byte, each behind the head of an HTTP message, so that
`gateway inspect` reads them; nothing is decrypted. The ZIP is written piece by piece while it is
being sent: a message of 100 MB needs no more memory than a small one.
"""

import io
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from as4.certificates import Certificate, load_certificate
from as4.signal import read_signal
from as4.unpack import MessageReader
from gateway.errors import Fault, Kind
from gateway.store.archive import Archive
from gateway.store.documents import Document, Event, list_events
from gateway.store.messages import StoredMessage, find_message
from gateway.store.pool import Transaction

__all__ = ["Exhibit", "collect_exhibits", "write_zip"]

_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)  # A ZIP knows no earlier time.
_SIGNAL_TYPE = "application/soap+xml; charset=UTF-8"
_INTRODUCTION = """\
Evidence of one Peppol exchange
===============================

Document   {kind} {number}
From       {sender}
To         {receiver}
Direction  {direction}, status {status}
Message    {message_id}
           from access point {sending_ap} to access point {receiving_ap}
SHA-256    {sha256} (the document, from its root's first byte to its last)

Files
-----
{files}

How to check it
---------------
`gateway inspect message.http --trust ROOT --trust AP-CA` says whether the signature over header
and attachment holds, who signed, and whether the certificate was valid at the time. ROOT and AP-CA
are the certificates of the Peppol authorities, which you should have from a source of your own.
With `--key KEY`, the receiving access point's private key, it also opens the attachment and shows
the SHA-256 of the document.

`gateway inspect receipt.http --request message.http --trust ROOT --trust AP-CA` says whether the
receipt was signed by the receiving access point and repeats the digests of exactly this message:
together they show that these bytes were received.

Anything else that reads WS-Security can do the same: the files are the bytes of the wire, each
behind the head of its HTTP message.
"""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One file of the evidence: its name, what it is, and its bytes.

    *packed* says whether it is worth compressing; what is encrypted is not.
    """

    name: str
    meaning: str
    pieces: AsyncIterator[bytes]
    packed: bool = True


async def collect_exhibits(tx: Transaction, archive: Archive, document: Document) -> list[Exhibit]:
    """Return the evidence for *document*; large bytes are read after the transaction.

    Raises Fault (CONFLICT) while there is no message yet.
    """
    message = await find_message(tx, document.id)
    if message is None:
        detail = "the document is not sealed yet, so there is no message to show"
        raise Fault(Kind.CONFLICT, "no-message-yet", detail)
    events = await list_events(tx, document.id)
    exhibits = [
        Exhibit(
            "message.http", _message_meaning(document), _request(archive, message), packed=False
        ),
        *_receipt_exhibits(document, message),
        await _signer_exhibit(archive, message),
        *_lookup_exhibits(message),
        _exhibit(
            "document.json",
            "what the gateway knows of it, and every step",
            _facts(document, message, events),
        ),
    ]
    readme = _readme(document, message, exhibits).encode()
    return [_exhibit("README.txt", "this text", readme), *exhibits]


async def write_zip(exhibits: Sequence[Exhibit], *, at: datetime) -> AsyncIterator[bytes]:
    """Yield a ZIP of *exhibits*, each dated *at*, as it grows."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for exhibit in exhibits:
            entry = zipfile.ZipInfo(exhibit.name, _date(at))
            entry.compress_type = zipfile.ZIP_DEFLATED if exhibit.packed else zipfile.ZIP_STORED
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=not exhibit.packed) as file:
                async for piece in exhibit.pieces:
                    file.write(piece)
                    if data := sink.take():
                        yield data
    yield sink.take()


def _message_meaning(document: Document) -> str:
    return f"the AS4 message as {'received' if document.direction == 'in' else 'sent'}"


async def _request(archive: Archive, message: StoredMessage) -> AsyncIterator[bytes]:
    """Yield *message* as an HTTP request."""
    yield _head("POST /as4 HTTP/1.1", message.content_type, message.wire_length)
    async for piece in _wire(archive, message, 0, message.wire_length):
        yield piece


async def _wire(
    archive: Archive, message: StoredMessage, start: int, length: int
) -> AsyncIterator[bytes]:
    if message.wire is not None:
        yield message.wire[start : start + length]
        return
    assert message.wire_file is not None, "a message is stored in the row or in a file"
    async for piece in archive.read(message.wire_file, start, length):
        yield piece


def _receipt_exhibits(document: Document, message: StoredMessage) -> Iterator[Exhibit]:
    """Yield the receipt and the certificate of whoever signed it, once there is one."""
    if message.receipt is None:
        return
    by = "sent" if document.direction == "in" else "received and verified"
    content_type = message.receipt_content_type or _SIGNAL_TYPE
    head = _head("HTTP/1.1 200 OK", content_type, len(message.receipt))
    yield _exhibit("receipt.http", f"the receipt as {by}", head + message.receipt)
    signal = read_signal(message.receipt, check_signer=_as_it_is, now=message.created_at)
    if signal.signer is not None:
        meaning = "the certificate of the access point that signed the receipt"
        yield _exhibit("receipt-signer.pem", meaning, _pem(signal.signer))


async def _signer_exhibit(archive: Archive, message: StoredMessage) -> Exhibit:
    """Return the certificate of the access point that signed *message*."""
    reader = MessageReader(message.content_type, keep=False)
    async for piece in _wire(archive, message, 0, message.attachment_offset):
        reader.feed(piece)
    envelope = reader.open_envelope(anchors_check=_as_it_is, now=message.created_at)
    meaning = "the certificate of the access point that signed the message"
    return _exhibit("signer.pem", meaning, _pem(envelope.signer))


def _as_it_is(der: bytes, _now: datetime) -> Certificate:
    """Return the certificate in *der* unjudged: it was judged when the message was accepted."""
    return load_certificate(der)


def _lookup_exhibits(message: StoredMessage) -> Iterator[Exhibit]:
    if message.signed_metadata is not None:
        meaning = f"the signed answer of the SMP at {message.smp_url} that named the receiver"
        yield _exhibit("smp-answer.xml", meaning, message.signed_metadata)


def _facts(document: Document, message: StoredMessage, events: Sequence[Event]) -> bytes:
    """Return what is known of *document* as JSON."""
    facts = {
        "document_id": document.id,
        "direction": document.direction,
        "status": document.status,
        "sender": document.sender,
        "receiver": document.receiver,
        "document_type": document.document_type,
        "process": document.process,
        "kind": document.kind,
        "number": document.number,
        "instance_identifier": document.instance_identifier,
        "sha256": _hex(document.content_sha256),
        "size_bytes": document.size_bytes,
        "message_id": message.message_id,
        "sending_ap": message.sending_ap,
        "receiving_ap": message.receiving_ap,
        "endpoint": message.endpoint_address,
        "attachment_sha256": _hex(message.attachment_digest),
        "timeline": events,
    }
    return msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"


def _readme(document: Document, message: StoredMessage, exhibits: Sequence[Exhibit]) -> str:
    """Return the text that explains the other files."""
    absent = ""
    if message.receipt is None:
        absent += "\nThere is no receipt: the receiving access point has not sent a good one."
    if message.signed_metadata is None and document.direction == "in":
        absent += "\nThere is no SMP answer: the sender looked the receiver up, not we."
    elif message.signed_metadata is None:
        absent += "\nThere is no SMP answer: the endpoint was given, not looked up."
    return _INTRODUCTION.format(
        kind=document.kind or "(kind unknown)",
        number=document.number or "",
        sender=document.sender,
        receiver=document.receiver,
        direction="received" if document.direction == "in" else "sent",
        status=document.status,
        message_id=message.message_id,
        sending_ap=message.sending_ap,
        receiving_ap=message.receiving_ap,
        sha256=_hex(document.content_sha256) or "(not known yet)",
        files="\n".join(f"{each.name:<20}{each.meaning}" for each in exhibits) + absent,
    )


def _exhibit(name: str, meaning: str, data: bytes) -> Exhibit:
    return Exhibit(name, meaning, _one_piece(data))


async def _one_piece(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _head(start: str, content_type: str, length: int) -> bytes:
    lines = (start, f"Content-Type: {content_type}", f"Content-Length: {length}", "", "")
    return "\r\n".join(lines).encode()


def _pem(certificate: Certificate) -> bytes:
    return certificate.x509.public_bytes(Encoding.PEM)


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def _date(at: datetime) -> tuple[int, int, int, int, int, int]:
    used = max(at, _EARLIEST)
    return (used.year, used.month, used.day, used.hour, used.minute, used.second)


class _Sink(io.RawIOBase):
    """Takes what the ZIP writer writes and gives it on; it cannot seek, so neither does the ZIP."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._taken += piece
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = bytes(self._taken)
        self._taken.clear()
        return data
