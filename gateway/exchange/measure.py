"""What a stored payload comes to: where its document lies, hashes, and the facts we list.

Two passes in bounded memory: the first finds where the document starts and ends, the second
hashes exactly those bytes and reads the document's number. A small envelope is kept in between,
and its document afterwards.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from ubl.errors import MalformedXml
from ubl.sbdh import EnvelopeReader
from ubl.xml import Scanner

KEPT_BYTES_MAX = 1024 * 1024  # LIMIT: larger envelopes are decrypted a second time instead.

NUMBER_BYTES_MAX = 256 * 1024  # LIMIT: a number is among the first elements, or there is none.
THREAD_BYTES_MIN = 64 * 1024
"""From this size on a piece is parsed in the thread pool."""
_NUMBER = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}ID"

PieceSource = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Measured:
    """The facts of one business envelope; offsets and sizes in bytes, digests are SHA-256.

    *problem* says why the document cannot be read to its end, and is empty when it can; the
    document of a broken envelope is taken to end where the envelope does.  *document* is kept
    where the envelope is small.
    """

    payload_offset: int
    payload_end: int
    envelope_sha256: bytes
    document_sha256: bytes
    kind: str
    number: str
    problem: str
    document: bytes | None = field(default=None, repr=False)

    @property
    def size_bytes(self) -> int:
        """The length of the document."""
        return self.payload_end - self.payload_offset


@dataclass(frozen=True, slots=True)
class _Outline:
    """What the first pass finds."""

    offset: int
    end: int
    sha256: bytes
    kind: str
    problem: str
    kept: tuple[bytes, ...] | None


async def measure_payload(source: PieceSource) -> Measured:
    """Read the envelope that *source* yields (it is asked up to twice) and return its facts.

    Raises what *source* raises, and BadBusinessHeader for an envelope that was never acceptable.
    """
    outline = await _outline(source())
    again = source() if outline.kept is None else replay(*outline.kept)
    digest = hashlib.sha256()
    number = _NumberReader()
    document: list[bytes] | None = None if outline.kept is None else []
    async for piece in cut(again, outline.offset, outline.end):
        digest.update(piece)
        number.feed(piece)
        if document is not None:
            document.append(piece)
    return Measured(
        payload_offset=outline.offset,
        payload_end=outline.end,
        envelope_sha256=outline.sha256,
        document_sha256=digest.digest(),
        kind=outline.kind,
        number=number.number,
        problem=outline.problem,
        document=None if document is None else b"".join(document),
    )


async def cut(pieces: AsyncIterator[bytes], start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the bytes of *pieces* from offset *start* up to *end*; read the rest without a use.

    The rest is read all the same, because the end of an encrypted stream is where it is verified.
    """
    position = 0
    async for piece in pieces:
        wanted = piece[max(0, start - position) : max(0, end - position)]
        position += len(piece)
        if wanted:
            yield wanted


async def replay(*pieces: bytes) -> AsyncIterator[bytes]:
    """Yield *pieces*."""
    for piece in pieces:
        yield piece


async def _outline(pieces: AsyncIterator[bytes]) -> _Outline:
    reader = EnvelopeReader(read_header_only=False)
    digest = hashlib.sha256()
    kept: list[bytes] = []
    size, problem = 0, ""
    async for piece in pieces:
        digest.update(piece)
        size += len(piece)
        if size <= KEPT_BYTES_MAX:
            kept.append(piece)
        else:
            kept.clear()
        if not problem:
            problem = await _scanned(reader, piece)
    problem = problem or _attempt(reader, None)
    assert reader.payload_offset is not None
    end = reader.payload_end if reader.payload_end is not None and not problem else size
    return _Outline(
        offset=reader.payload_offset,
        end=end,
        sha256=digest.digest(),
        kind=(reader.payload_name or "").rpartition("}")[2],
        problem=problem,
        kept=tuple(kept) if size <= KEPT_BYTES_MAX else None,
    )


async def _scanned(reader: EnvelopeReader, piece: bytes) -> str:
    """Feed *piece* as `_attempt` does; a long one in a thread, for it may hold many elements."""
    if len(piece) < THREAD_BYTES_MIN:
        return _attempt(reader, piece)
    return await asyncio.to_thread(_attempt, reader, piece)


def _attempt(reader: EnvelopeReader, piece: bytes | None) -> str:
    """Feed *piece*, or close; return what is wrong with the document, or the empty string."""
    try:
        if piece is None:
            reader.close()
        else:
            reader.feed(piece)
    except MalformedXml as error:
        return str(error)
    return ""


class _NumberReader:
    """Reads a UBL document's own number, the first cbc:ID below its root; never an obstacle."""

    def __init__(self) -> None:
        self.number = ""
        self._failed = False
        self._fed = 0
        self._scanner = Scanner(self._start, self._end)

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the document; once the number is found nothing happens."""
        if self._failed or self._fed > NUMBER_BYTES_MAX:
            return
        self._fed += len(piece)
        try:
            self._scanner.feed(piece)
        except MalformedXml:
            self._failed = True

    def _start(self, name: str, _attributes: Mapping[str, str], _offset: int, depth: int) -> bool:
        return depth == 1 and name == _NUMBER

    def _end(self, _end: int | None, _depth: int, text: str | None) -> None:
        if text is not None:
            self.number = text.strip()
            self._scanner.stop()
