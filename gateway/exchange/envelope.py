"""The business envelope of a message: its header, and the promise that it holds one document.

The endpoint reads the header and stops: parsing the document is the business of a job. That the
envelope holds no second document must be known before the receipt, though; a count of the
payload's tags answers that for every usual document, and only a doubtful one is parsed to its
end.  [SBDH] [PEPPOL-BME §3]
"""

import re
from collections.abc import AsyncIterator, Callable

from as4.errors import Other
from ubl.errors import BadBusinessHeader, MalformedXml, UblError
from ubl.sbdh import EnvelopeReader, Sbdh

HEADER_BYTES_MAX = 256 * 1024  # LIMIT: a header is 2 KB; where no payload starts, there is none.
TAIL_BYTES = 512  # LIMIT: what may stand behind the payload for the quick look to understand it.

_NAME = re.compile(rb"<([^\s/<>]+)[\s/>]")
_ENVELOPE_END = rb"</%s\s*>\s*</(?:[^\s/<>:]+:)?StandardBusinessDocument\s*>\s*\Z"


class EnvelopeScan:
    """Reads an envelope piece by piece: `feed` never raises, `close` returns the header.

    What is wrong with the envelope waits until the pieces have ended, because a payload that
    cannot be decompressed is the earlier failure.
    """

    def __init__(self) -> None:
        self._reader = EnvelopeReader(read_header_only=True)
        self._begin = b""
        self._single: _TagCount | None = None
        self._problem: UblError | None = None

    @property
    def certain(self) -> bool:
        """Whether the envelope surely holds one document; if not, `check_single` must look."""
        if self._single is not None:
            return self._single.certain
        return self._reader.header is not None and self._reader.is_surely_alone(self._begin)

    def feed(self, piece: bytes) -> None:
        """Take the next *piece* of the envelope."""
        if self._problem is not None:
            return
        if self._reader.header is None:
            self._read(piece)
        else:
            self._count(piece)

    def close(self) -> Sbdh:
        """Return the header once the envelope is complete; raise Other for what is wrong."""
        if self._problem is None and self._reader.header is None:
            self._end_header()
        if self._problem is not None:
            raise Other(f"business document header: {self._problem}") from self._problem
        assert self._reader.header is not None
        return self._reader.header

    def _read(self, piece: bytes) -> None:
        self._begin += piece
        try:
            self._reader.feed(piece)
        except UblError as problem:
            self._problem = problem
            return
        if self._reader.header is None and len(self._begin) > HEADER_BYTES_MAX:
            self._end_header()

    def _end_header(self) -> None:
        try:
            self._reader.close()
        except UblError as problem:
            self._problem = problem

    def _count(self, piece: bytes) -> None:
        """Count tags in *piece*, and before it in what came with the header."""
        if self._single is None:
            payload, self._begin = self._begin[self._reader.payload_offset or 0 :], b""
            name = _NAME.match(payload)
            self._single = _TagCount(name[1] if name else b"")
            self._single.feed(payload)
        self._single.feed(piece)


async def read_header(source: Callable[[], AsyncIterator[bytes]]) -> Sbdh:
    """Return the header of the envelope that *source* yields; it is asked twice at most.

    Raises what *source* raises (a broken payload is the earlier failure), then Other for an
    envelope that breaks a rule or holds two documents.
    """
    scan = EnvelopeScan()
    async for piece in source():
        scan.feed(piece)
    header = scan.close()
    if not scan.certain:
        await _check_single(source())
    return header


async def _check_single(pieces: AsyncIterator[bytes]) -> None:
    """Read an envelope to the end of its payload; raise Other for a second payload.

    A document that is not well formed behind its start tag is left to the job that reads it.
    """
    reader = EnvelopeReader(read_header_only=False)
    broken = False
    async for piece in pieces:
        if not broken:
            broken = not _goes_on(reader, piece)
    if not broken:
        _goes_on(reader, None)


def _goes_on(reader: EnvelopeReader, piece: bytes | None) -> bool:
    """Feed *piece*, or close; say whether the document is well formed so far."""
    try:
        if piece is None:
            reader.close()
        else:
            reader.feed(piece)
    except BadBusinessHeader as problem:
        raise Other(f"business document header: {problem}") from problem
    except MalformedXml:
        return False
    return True


class _TagCount:
    """Counts the payload's own start and end tags: one of each, the end tag last, is certain."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._opening = _Occurrences(b"<" + name, b" \t\r\n/>")
        self._closing = _Occurrences(b"</" + name, b" \t\r\n>")
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Count on in *data*."""
        self._opening.feed(data)
        self._closing.feed(data)
        self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]

    @property
    def certain(self) -> bool:
        """Whether what was fed can only be one payload and the end of its envelope."""
        if not self._name or self._opening.count != 1 or self._closing.count != 1:
            return False
        return re.search(_ENVELOPE_END % re.escape(self._name), self._tail) is not None


class _Occurrences:
    """Counts a literal followed by one of a few bytes, across pieces."""

    def __init__(self, literal: bytes, following: bytes) -> None:
        self._literal = literal
        self._following = following
        self._held = b""
        self.count = 0

    def feed(self, data: bytes) -> None:
        """Count on in *data*; a match that a cut divides is found with the next piece."""
        data = self._held + data
        found = data.find(self._literal)
        end = len(self._literal)
        while found >= 0:
            if data[found + end : found + end + 1] in _one_of(self._following):
                self.count += 1
            found = data.find(self._literal, found + 1)
        self._held = data[max(0, len(data) - end) :]


def _one_of(characters: bytes) -> tuple[bytes, ...]:
    return tuple(characters[i : i + 1] for i in range(len(characters)))
