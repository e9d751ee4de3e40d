"""Read a captured HTTP message from a file: `Dump.parse(bytes)`.

Captures differ: the start line may be missing, header lines may end in LF, and a transfer or
content encoding that the header names may have been undone already.
So each encoding is undone only where the bytes still show it.
"""

import gzip
import re
from dataclasses import dataclass

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


@dataclass(frozen=True)
class Dump:
    """One HTTP message: *headers* by lower-case name, *body* with its encodings undone."""

    start_line: str | None
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The Content-Type header, empty when there is none."""
        return self.headers.get("content-type", "")

    @classmethod
    def parse(cls, data: bytes) -> "Dump":
        """Split *data* into header and body, and undo what still is encoded."""
        blank = _BLANK_LINE.search(data)
        assert blank is not None, "no blank line ends the header"
        lines = data[: blank.start()].decode("latin-1").splitlines()
        start_line = None
        if lines and ("HTTP/" in lines[0] and ":" not in lines[0].split(" ")[0]):
            start_line = lines.pop(0)
        headers: dict[str, str] = {}
        for line in lines:
            if line[:1] in " \t":
                last = next(reversed(headers))
                headers[last] += " " + line.strip()
            else:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
        body = data[blank.end() :]
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = _join_chunks(body)
        if "gzip" in headers.get("content-encoding", "").lower() and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        return cls(start_line, headers, body)


def _join_chunks(body: bytes) -> bytes:
    """Return *body* without chunk framing, or as it is where it has none."""
    if not _CHUNK_SIZE.match(body):
        return body
    pieces, position = [], 0
    while size := _CHUNK_SIZE.match(body, position):
        length = int(size[1], 16)
        if not length:
            break
        pieces.append(body[size.end() : size.end() + length])
        position = size.end() + length + 2
    return b"".join(pieces)
