"""The payload of a received message, read again from the bytes that are stored.

Stored is the message as it came, once, with the content key and the place of the attachment in
it; whoever needs the business envelope decrypts and decompresses it again, in bounded pieces.
Those bytes were verified (tag, digest, caps) before they were stored, so pieces may be used as
they come; the tag is checked again at the end all the same, and shows a damaged archive.

Reading yields to the event loop after every piece: a large payload delays nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from as4.compression import Inflater
from as4.errors import DecompressionFailure
from as4.xmlenc import Redecryptor
from gateway.store.archive import Archive

SLICE_BYTES = 64 * 1024
"""How much of the wire is decrypted between two turns of the event loop."""


class Opening(Protocol):
    """What opens an encrypted attachment."""

    @property
    def content_key(self) -> bytes:
        """The AES key that opens it."""

    @property
    def transfer_encoding(self) -> str:
        """The MIME transfer encoding it has on the wire."""

    @property
    def compressed(self) -> bool:
        """Whether the payload was gzipped."""


class SealedPayload(Opening, Protocol):
    """Where a payload lies in a message as received, and what opens it."""

    @property
    def wire(self) -> bytes | None:
        """The whole message, unless it is in a file."""

    @property
    def wire_file(self) -> str | None:
        """The name of the message's file in the archive."""

    @property
    def attachment_offset(self) -> int:
        """Where the encrypted attachment starts, in bytes of the message."""

    @property
    def attachment_length(self) -> int:
        """How many bytes of the message it takes, still in its transfer encoding."""


async def read_payload(
    archive: Archive, sealed: SealedPayload, *, bytes_max: int
) -> AsyncIterator[bytes]:
    """Yield the business envelope of *sealed* in pieces of at most a few hundred KiB.

    Raises FailedDecryption or DecompressionFailure for bytes that are not what was stored.
    """
    attachment = _attachment(archive, sealed)
    async for piece in unpack_attachment(attachment, sealed, bytes_max=bytes_max):
        yield piece


async def unpack_attachment(
    attachment: AsyncIterator[bytes], opening: Opening, *, bytes_max: int
) -> AsyncIterator[bytes]:
    """Yield what the encrypted *attachment* holds, as `read_payload` does."""
    redecryptor = Redecryptor(key=opening.content_key, transfer_encoding=opening.transfer_encoding)
    unpacker = Unpacker(compressed=opening.compressed, bytes_max=bytes_max)
    async for encrypted in attachment:
        for piece in unpacker.feed(redecryptor.feed(encrypted)):
            yield piece
            await asyncio.sleep(0)
    redecryptor.close()
    unpacker.close()


async def unpack(payload: bytes, *, compressed: bool, bytes_max: int) -> AsyncIterator[bytes]:
    """Yield a verified *payload* that is in memory, decompressed, in bounded pieces.

    Raises DecompressionFailure for what is no gzip member or more than *bytes_max* bytes.
    """
    unpacker = Unpacker(compressed=compressed, bytes_max=bytes_max)
    last: bytes | None = None
    for piece in unpacker.feed(payload):
        if last is not None:
            yield last
            await asyncio.sleep(0)
        last = piece
    unpacker.close()
    if last is not None:
        yield last


class Unpacker:
    """Decompresses a payload if it was compressed; either way *bytes_max* come out at most."""

    def __init__(self, *, compressed: bool, bytes_max: int) -> None:
        self._inflater = Inflater(bytes_max) if compressed else None
        self._bytes_left = bytes_max

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* comes to, in pieces; raises DecompressionFailure."""
        if self._inflater is not None:
            return self._inflater.feed(data)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise DecompressionFailure("the payload is larger than what is accepted")
        return iter((data,) if data else ())

    def close(self) -> None:
        """Raise DecompressionFailure unless the payload is complete."""
        if self._inflater is not None:
            self._inflater.close()


async def _attachment(archive: Archive, sealed: SealedPayload) -> AsyncIterator[bytes]:
    """Yield the encrypted attachment as it was on the wire, a slice at a time."""
    start, length = sealed.attachment_offset, sealed.attachment_length
    if sealed.wire is not None:
        view = memoryview(sealed.wire)[start : start + length]
        for at in range(0, length, SLICE_BYTES):
            yield bytes(view[at : at + SLICE_BYTES])
        return
    assert sealed.wire_file is not None, "a message is stored in the row or in a file"
    async for encrypted in archive.read(sealed.wire_file, start, length):
        yield encrypted
