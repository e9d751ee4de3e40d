"""The gzip compression of AS4 payloads, with every output bounded.  [AS4 §3.1] [RFC1952]

Compression is isal at level 1: ten times faster than zlib's default on large attachments and of
the same size there.  Inflation hands out bounded pieces and never trusts the size that a peer
claims.
"""

from collections.abc import Iterator
from typing import cast

from isal import isal_zlib

from as4.errors import DecompressionFailure

# LIMIT: 100 MB of business document and its envelope, counted after inflation.
INFLATED_BYTES_MAX = 128 << 20
# LIMIT: invoices of many lines compress 20 to 30 times; one identical line of 100 bytes repeated
# for ever compresses 300 times, and deflate itself ends near 1,032, which only filler reaches.
RATIO_MAX = 400
# LIMIT: up to 32 MiB no ratio is asked for: inflating that much costs some 30 ms and no memory,
# and a 20 MB attachment of one repeated byte stays legitimate.
RATIO_FREE_BYTES = 32 << 20
# LIMIT: how much is inflated before it is handed out.
PIECE_BYTES_MAX = 256 << 10
# LIMIT: bytes of a gzip header, which holds a file's name at most.
HEADER_BYTES_MAX = 16 << 10
# LIMIT: how much input the inflater sees at once; it copies what it has not used yet.
_INPUT_BYTES_MAX = 64 << 10

_LEVEL = 1
_MAGIC = b"\x1f\x8b"
# The flags of a gzip header: what follows its first ten bytes.  [RFC1952 §2.3.1]
_HEADER_CRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_GZIP = 31  # zlib's window parameter for a gzip header and trailer
# The type stubs of isal declare the class as an instance.
_BAD_DATA = cast("type[Exception]", isal_zlib.IsalError)


def gzip_compress(data: bytes) -> bytes:
    """Return *data* as one gzip member, without a time stamp: equal input, equal output."""
    compressed: bytes = isal_zlib.compress(data, _LEVEL, _GZIP)
    return compressed


class Deflater:
    """Compresses a stream into one gzip member without a time stamp."""

    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)

    def feed(self, chunk: bytes) -> bytes:
        """Return what *chunk* adds to the compressed stream, often nothing."""
        compressed: bytes = self._stream.compress(chunk)
        return compressed

    def close(self) -> bytes:
        """Return the rest of the compressed stream."""
        compressed: bytes = self._stream.flush()
        return compressed


class Inflater:
    """Decompresses one gzip member, piece by piece, up to *limit* bytes of output.

    Beyond RATIO_FREE_BYTES of output it also refuses more than *ratio* times the input.
    Everything wrong raises DecompressionFailure: corrupt or truncated data, a wrong checksum,
    bytes behind the member or a second member, and a cap exceeded.  [AS4 §3.1]
    """

    def __init__(self, limit: int = INFLATED_BYTES_MAX, ratio: int = RATIO_MAX) -> None:
        self._stream = isal_zlib.decompressobj(_GZIP)
        self._limit = limit
        self._ratio = ratio
        self._taken = 0
        self._given = 0
        self._header: bytes | None = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what *chunk* decompresses to, in pieces of at most PIECE_BYTES_MAX.

        The work is done while the caller takes the pieces; take them all before the next call.
        """
        if self._header is not None:
            chunk = self._hold_header(chunk)
        for start in range(0, len(chunk), _INPUT_BYTES_MAX):
            part = chunk[start : start + _INPUT_BYTES_MAX]
            self._taken += len(part)
            yield from self._inflate(part)

    def close(self) -> None:
        """Raise DecompressionFailure unless the member is complete and its checksum right."""
        if not self._stream.eof:
            raise DecompressionFailure("the gzip data is truncated")

    def _hold_header(self, chunk: bytes) -> bytes:
        """Return what came once the header is complete, nothing before.

        isal loses its place in a header of several fields that comes in pieces.
        """
        data = (self._header or b"") + chunk
        end = _header_end(data)
        if end is None and len(data) <= HEADER_BYTES_MAX:
            self._header = data
            return b""
        if end is None or end > HEADER_BYTES_MAX:
            raise DecompressionFailure(f"the gzip header has over {HEADER_BYTES_MAX} bytes")
        self._header = None
        return data

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        piece = b"\0"
        # A full piece may leave output inside the decompressor even when the input is used up.
        while data or len(piece) == PIECE_BYTES_MAX:
            try:
                piece = self._stream.decompress(data, PIECE_BYTES_MAX)
            except _BAD_DATA as exc:
                raise DecompressionFailure(f"the gzip data is corrupt: {exc}") from exc
            data = self._stream.unconsumed_tail
            self._given += len(piece)
            self._check_caps()
            if piece:
                yield piece
            if self._stream.eof:
                break
        if self._stream.unused_data:
            raise DecompressionFailure("there are bytes behind the gzip member")

    def _check_caps(self) -> None:
        if self._given > self._limit:
            raise DecompressionFailure(f"the payload is larger than {self._limit} bytes")
        if self._given > max(RATIO_FREE_BYTES, self._taken * self._ratio):
            raise DecompressionFailure(f"the payload inflates more than {self._ratio} times")


def _header_end(data: bytes) -> int | None:
    """Return where the gzip header of *data* ends, None while it does not.  [RFC1952 §2.3]

    What is no gzip data has none.  Raises DecompressionFailure for a flag that is reserved.
    """
    if data[:2] != _MAGIC[: len(data)]:
        return 0
    if len(data) < 10:
        return None
    flags, end = data[3], 10
    if flags & _RESERVED:
        raise DecompressionFailure("the gzip header has a flag that is reserved")
    if flags & _EXTRA:
        end = 12 + int.from_bytes(data[10:12], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = data.find(b"\0", end) + 1
            if not end:
                return None
    if flags & _HEADER_CRC:
        end += 2
    return end if end <= len(data) else None


def inflate(data: bytes, limit: int = INFLATED_BYTES_MAX) -> bytes:
    """Return the content of the gzip member *data*; raises DecompressionFailure."""
    inflater = Inflater(limit)
    pieces = list(inflater.feed(data))
    inflater.close()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
