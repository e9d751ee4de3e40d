"""A document becomes the bytes that go over the wire: wrapped, compressed, signed, encrypted, once.

The document is cut out of what was handed in, from its root's first byte to its last, and put into
the business envelope as it is.  [PEPPOL-BME §3] Then gzip, then the signature over the compressed
bytes, then encryption.  [PEPPOL-AS4 §2.4]

A small document is sealed in memory. A large one is read twice: the signature needs the digest of
the compressed bytes before the first of them is written, and compressing twice gives the same
bytes without a plain copy on the disk. No time, no randomness: both are arguments.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from as4.certificates import Certificate, KeyPair
from as4.compression import Deflater, gzip_compress
from as4.pack import OutboundMessage, SealedMessage, seal, seal_head
from as4.xmldsig import Reference
from as4.xmlenc import Encryptor
from gateway.store.documents import Document
from ubl.identifiers import parsed_document_type, parsed_participant, parsed_process
from ubl.routing import Routing, RoutingReader
from ubl.sbdh import Sbdh, build_envelope

__all__ = [
    "CONTENT_KEY_BYTES",
    "IV_BYTES",
    "Keys",
    "SealedStream",
    "Writer",
    "business_header",
    "known_routing",
    "outbound_message",
    "read_document",
    "seal_in_memory",
    "seal_streaming",
]

CONTENT_KEY_BYTES = 16
IV_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What one sealing is done with: our pair, the recipient's certificate, and fresh bytes.

    *content_key* and *iv* encrypt this message alone; *nonce* makes the identifiers in it unique.
    """

    signer: KeyPair
    recipient: Certificate
    content_key: bytes
    iv: bytes
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedStream:
    """What is known of a message that was sealed into a file."""

    content_type: str
    references: tuple[Reference, ...]
    attachment_offset: int
    attachment_length: int
    wire_length: int


class Writer(Protocol):
    """Where the bytes of a large message go."""

    def write(self, data: bytes) -> object:
        """Take the next bytes."""
        ...


Pieces = Callable[[], AsyncIterator[bytes]]
"""Gives the document that was handed in, piece by piece, as often as it is called."""


def known_routing(document: Document) -> Routing | None:
    """Return what was read of *document* when it was accepted; None if it was not all noted.

    Its date is left out: no envelope repeats it.
    """
    if document.root_offset is None or document.size_bytes is None:
        return None
    document_type = parsed_document_type(document.document_type)
    process = parsed_process(document.process)
    root_namespace, root_name, customization, _ = document_type.split()
    return Routing(
        root_namespace=root_namespace,
        root_name=root_name,
        customization_id=customization,
        profile_id=process.value,
        number=document.number,
        issued_on=None,
        sender=parsed_participant(document.sender),
        receiver=parsed_participant(document.receiver),
        document_type=document_type,
        process=process,
        root_offset=document.root_offset,
        root_end=document.root_offset + document.size_bytes,
    )


async def read_document(pieces: AsyncIterator[bytes]) -> Routing:
    """Return what the document says of itself.  Raises `ubl.errors.UblError`."""
    reader = RoutingReader()
    async for piece in pieces:
        reader.feed(piece)
    return reader.close()


def business_header(
    routing: Routing, *, country: str, instance_identifier: str, now: datetime
) -> Sbdh:
    """Return the header of the envelope: all from the document, but the sender's *country*."""
    return routing.header(
        instance_identifier=instance_identifier,
        created_at=f"{now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z",
        country_c1=country,
    )


def outbound_message(
    routing: Routing, *, message_id: str, from_party: str, to_party: str, now: datetime
) -> OutboundMessage:
    """Return the ebMS side of the message: what the header of the envelope says, once more."""
    return OutboundMessage(
        message_id=message_id,
        conversation_id=message_id,
        timestamp=now,
        from_party=from_party,
        to_party=to_party,
        service=routing.process,
        action=routing.document_type.uri,
        original_sender=routing.sender,
        final_recipient=routing.receiver,
    )


def seal_in_memory(
    document: bytes, routing: Routing, header: Sbdh, message: OutboundMessage, keys: Keys
) -> SealedMessage:
    """Seal *document*, as handed in, in memory."""
    before, after = build_envelope(header)
    envelope = before + document[routing.root_offset : routing.root_end] + after
    return seal(
        message,
        gzip_compress(envelope),
        signer=keys.signer,
        recipient=keys.recipient,
        content_key=keys.content_key,
        iv=keys.iv,
        nonce=keys.nonce,
    )


async def seal_streaming(
    pieces: Pieces, routing: Routing, header: Sbdh, message: OutboundMessage, keys: Keys, to: Writer
) -> SealedStream:
    """Seal the document that *pieces* gives into *to*; needs memory for a few pieces only."""
    digest = hashlib.sha256()
    async for chunk in _compressed(pieces(), routing, header):
        digest.update(chunk)
    head = seal_head(
        message,
        digest.digest(),
        signer=keys.signer,
        recipient=keys.recipient,
        content_key=keys.content_key,
        nonce=keys.nonce,
    )
    cipher = Encryptor(key=keys.content_key, iv=keys.iv)
    again = hashlib.sha256()
    length = _write(to, head.head)
    async for chunk in _compressed(pieces(), routing, header):
        again.update(chunk)
        length += _write(to, cipher.feed(chunk))
    length += _write(to, cipher.close())
    assert again.digest() == digest.digest(), "the document changed while it was being sealed"
    return SealedStream(
        content_type=head.content_type,
        references=head.references,
        attachment_offset=len(head.head),
        attachment_length=length - len(head.head),
        wire_length=length + _write(to, head.tail),
    )


def _write(to: Writer, data: bytes) -> int:
    to.write(data)
    return len(data)


async def _compressed(
    pieces: AsyncIterator[bytes], routing: Routing, header: Sbdh
) -> AsyncIterator[bytes]:
    """Yield the envelope around the document, compressed."""
    before, after = build_envelope(header)
    deflater = Deflater()
    yield deflater.feed(before)
    at = 0
    async for piece in pieces:
        yield deflater.feed(piece[max(routing.root_offset - at, 0) : max(routing.root_end - at, 0)])
        at += len(piece)
    yield deflater.feed(after)
    yield deflater.close()
