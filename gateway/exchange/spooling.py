"""A large message on its way in: written to a spool file while it is being verified.

The SOAP part comes first and is judged before the attachment is read on, so a stranger cannot make
us store much. What is written is what was on the wire, still encrypted: no plaintext reaches the
disk. The file becomes part of the archive just before the commit that names it, and is removed
when the message is refused or known already.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from as4.unpack import MessageReader, ReceivedMessage
from gateway.clock import Clock
from gateway.exchange.payload import SLICE_BYTES, unpack_attachment
from gateway.exchange.reception import Body
from gateway.store.archive import Archive, SpoolFile
from gateway.store.messages import Outcome

STREAMS_MAX = 8  # LIMIT: large messages at a time in one process; the others wait their turn.
SLAB_BYTES = 256 * 1024
"""How much is hashed, decrypted and written in one step of the thread pool."""


class StreamedBody:
    """The body of one large message: absorb it, read its payload again, keep it or not."""

    def __init__(self, archive: Archive, spool: SpoolFile, content_type: str) -> None:
        self._archive = archive
        self._spool = spool
        self._content_type = content_type
        self._kept: str | None = None

    async def absorb(
        self, reader: MessageReader, start: bytes, chunks: AsyncIterator[bytes]
    ) -> None:
        """Write *start*, which *reader* has seen, then write *chunks* and feed them to it.

        Raises what the reader and *chunks* raise; what follows is then never read.
        """
        await asyncio.to_thread(self._spool.write, start)
        async for slab in _slabs(chunks):
            await asyncio.to_thread(self._take, reader, slab)

    def _take(self, reader: MessageReader, slab: bytes) -> None:
        self._spool.write(slab)
        reader.feed(slab)

    async def read_payload(
        self, received: ReceivedMessage, *, bytes_max: int
    ) -> AsyncIterator[bytes]:
        """Yield the payload of *received*, whose tag and digest hold, out of the spool file."""
        await asyncio.to_thread(self._spool.flush)
        attachment = _read_file(
            self._spool.path, received.attachment_offset, received.attachment_length
        )
        async for piece in unpack_attachment(attachment, received, bytes_max=bytes_max):
            yield piece

    async def keep(self) -> Body:
        """Make the file durable under its name in the archive."""
        length = self._spool.written
        self._kept = await self._spool.keep()
        return Body(self._content_type, length, wire_file=self._kept)

    def settle(self, outcome: Outcome) -> None:
        """Remove the file again unless a row names it now."""
        if outcome is not Outcome.STORED and self._kept is not None:
            self._archive.delete(self._kept)


class Spooling:
    """Opens spool files, a bounded number at a time."""

    def __init__(self, archive: Archive, clock: Clock, *, streams_max: int = STREAMS_MAX) -> None:
        self._archive = archive
        self._clock = clock
        self._streams = asyncio.Semaphore(streams_max)

    @asynccontextmanager
    async def open(self, content_type: str) -> AsyncIterator[StreamedBody]:
        """Give a body to fill; whatever was not kept by the end is gone."""
        async with self._streams:
            spool = self._archive.open_spool(self._clock.uuid().hex)
            try:
                yield StreamedBody(self._archive, spool, content_type)
            finally:
                spool.discard()


async def read_start(reader: MessageReader, chunks: AsyncIterator[bytes]) -> bytes:
    """Feed *chunks* to *reader* until its SOAP part is complete, and return what was fed.

    That much is kept in memory, bounded by what a SOAP part may have, so that nobody takes one of
    the places of large messages, or a byte of the disk, before the signature holds.
    """
    start: list[bytes] = []
    async for chunk in chunks:
        start.append(chunk)
        reader.feed(chunk)
        if reader.soap_ready:
            break
    return b"".join(start)


async def _slabs(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield *chunks* joined to slabs, the last one as long as it is."""
    slab: list[bytes] = []
    size = 0
    async for chunk in chunks:
        slab.append(chunk)
        size += len(chunk)
        if size >= SLAB_BYTES:
            yield b"".join(slab)
            slab.clear()
            size = 0
    if slab:
        yield b"".join(slab)


async def _read_file(path: Path, offset: int, length: int) -> AsyncIterator[bytes]:
    """Yield *length* bytes of *path* from *offset* on."""
    with await asyncio.to_thread(path.open, "rb") as file:
        file.seek(offset)
        while length > 0 and (
            chunk := await asyncio.to_thread(file.read, min(SLICE_BYTES, length))
        ):
            length -= len(chunk)
            yield chunk
