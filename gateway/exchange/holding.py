"""A document while it arrives: a small one is held in memory, a larger one in a file.

The file is a spool file of the archive, which its owner keeps or discards.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from gateway.errors import Fault, Kind
from gateway.store.archive import Archive, SpoolFile

__all__ = ["Held", "Holding", "Limits", "too_large"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a document may be, and from when on it is kept in a file, in bytes."""

    document_bytes_max: int
    inline_bytes_max: int


@dataclass(frozen=True, slots=True)
class Held:
    """A document that is complete: *content* holds a small one, *spool* a large one."""

    size_bytes: int
    content: bytes | None = field(repr=False)
    spool: SpoolFile | None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield its bytes, a file's while it is not kept yet."""
        if self.spool is None:
            assert self.content is not None
            yield self.content
        else:
            yield await asyncio.to_thread(self.spool.path.read_bytes)


class Holding:
    """Takes a document piece by piece, under *limits*; a file is called *unique*."""

    def __init__(self, archive: Archive, unique: str, limits: Limits) -> None:
        self._archive = archive
        self._unique = unique
        self._limits = limits
        self._size = 0
        self._head = bytearray()
        self._spool: SpoolFile | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next *piece*; raises Fault (TOO_LARGE), and Unavailable where no disk is."""
        self._size += len(piece)
        if self._size > self._limits.document_bytes_max:
            raise too_large(self._limits.document_bytes_max)
        if self._spool is None:
            self._head += piece
            if self._size <= self._limits.inline_bytes_max:
                return
            self._spool = self._archive.open_spool(self._unique)
            piece = bytes(self._head)
            self._head.clear()
        self._spool.write(piece)

    def close(self) -> Held:
        """Return the document, complete."""
        if self._spool is None:
            return Held(self._size, bytes(self._head), None)
        self._spool.flush()
        return Held(self._size, None, self._spool)

    def discard(self) -> None:
        """Remove the file of a large document that nobody kept."""
        if self._spool is not None:
            self._spool.discard()


def too_large(bytes_max: int) -> Fault:
    """Return the refusal of a document over *bytes_max*."""
    detail = f"the document has more than {bytes_max} bytes; document_bytes_max sets the limit"
    return Fault(Kind.TOO_LARGE, "document-too-large", detail)
