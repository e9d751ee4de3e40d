"""Compress a payload as one gzip member of any legal make.  [RFC1952 §2.3] [AS4 §3.1]"""

import zlib
from dataclasses import dataclass
from typing import Final

from conformance.awkward.dice import Dice, often

__all__ = ["Zipping", "draw_zipping", "gzip_member"]

_CRC, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16
_STRATEGIES: Final = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE)


@dataclass(frozen=True, slots=True)
class Zipping:
    """How a payload is compressed: *level* 0 stores it; *flags* say which fields the header has."""

    level: int
    strategy: int
    flags: int
    modified: int
    system: int
    flush: bool


def draw_zipping(dice: Dice) -> Zipping:
    """Return how the next payload is compressed."""
    flags = sum(flag for flag in (1, _CRC, _EXTRA, _NAME, _COMMENT) if often(dice, 0.3))
    return Zipping(
        level=dice.randrange(10),
        strategy=dice.choice(_STRATEGIES),
        flags=flags,
        modified=dice.choice((0, 1, 1_700_000_000, (1 << 32) - 1)),
        system=dice.choice((0, 3, 11, 255)),
        flush=often(dice, 0.3),
    )


def gzip_member(data: bytes, how: Zipping) -> bytes:
    """Return *data* as one gzip member."""
    stream = zlib.compressobj(how.level, zlib.DEFLATED, -zlib.MAX_WBITS, 8, how.strategy)
    half = len(data) // 2
    body = stream.compress(data[:half])
    # Flushing ends a block, so that the member has several.
    body += stream.flush(zlib.Z_FULL_FLUSH) if how.flush else b""
    body += stream.compress(data[half:]) + stream.flush()
    sums = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return _header(how) + body + sums


def _header(how: Zipping) -> bytes:
    fixed = bytes([0x1F, 0x8B, 8, how.flags]) + how.modified.to_bytes(4, "little")
    header = fixed + bytes([{9: 2, 1: 4}.get(how.level, 0), how.system])
    if how.flags & _EXTRA:
        field = b"AW" + (4).to_bytes(2, "little") + b"\0\1\2\3"
        header += len(field).to_bytes(2, "little") + field
    if how.flags & _NAME:
        header += "facture n\u00b0 1.xml".encode("latin-1") + b"\0"
    if how.flags & _COMMENT:
        header += b"a comment\nof two lines\0"
    if how.flags & _CRC:
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    return header
