"""A captured HTTP message read from a file: `read_dump(bytes)`.

Captures differ.  The start line may be missing, or the whole head; header lines may end in LF; a
transfer or content encoding that the head names may have been undone already, and the line ends of
a MIME structure may have been rewritten by an editor.  So nothing is believed of the head that the
bytes do not show, and what was put right is said.  [RFC9110 §6] [MIME §5.1.1]

This is for looking at captures.  The endpoint takes no part in it: there HTTP is real.
"""

import re
from dataclasses import dataclass

from as4.compression import inflate
from as4.errors import As4Error, Unreadable
from as4.mime import TOTAL_BYTES_MAX
from as4.mimeheaders import SOAP, BadHeader, parse_media_type

# LIMIT: bytes of a head; servers take 8 to 64 KiB.
HEAD_BYTES_MAX = 64 << 10

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_HEADER_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*(.*)")
_INTERIM = re.compile(r"HTTP/[0-9.]+ 1[0-9][0-9]\b")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_FIRST_BOUNDARY = re.compile(rb"\s*--([^\r\n]{0,69}[!-~])[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class Dump:
    """One HTTP message: *headers* by lower-case name, *body* with its encodings undone.

    *content_type* is that of the head, or what the body looks like where the head has none.
    *notes* say what was guessed or put right.
    """

    start_line: str | None
    headers: dict[str, str]
    content_type: str
    body: bytes
    notes: tuple[str, ...] = ()


def read_dump(data: bytes) -> Dump:
    """Read the HTTP message *data*, a SOAP envelope or a MIME body without any head.

    Raises Unreadable 400 if it is none of them, 413 if it inflates to more than any message has.
    """
    data = data.removeprefix(_BYTE_ORDER_MARK)
    guessed = _guess_content_type(data)
    if guessed is not None:
        start = data.lstrip()
        return _mended(None, {}, guessed, start, ["the file has no HTTP head"])
    start_line, headers, body = _split_head(data)
    notes: list[str] = []
    body = _undo_encodings(headers, body, notes)
    content_type = headers.get("content-type")
    if content_type is None:
        content_type = _guess_content_type(body)
        if content_type is None:
            raise Unreadable(400, "the HTTP head has no Content-Type, and the body is not AS4")
        notes.append("the HTTP head has no Content-Type")
    return _mended(start_line, headers, content_type, body, notes)


def _mended(
    start_line: str | None, headers: dict[str, str], content_type: str, body: bytes,
    notes: list[str]
) -> Dump:  # fmt: skip
    """Return the dump, the line ends of its MIME structure put right where they are LF."""
    boundary = _boundary(content_type)
    if boundary is not None:
        mended = _mend_lines(body, boundary)
        if mended != body:
            notes.append("the line ends of the MIME structure were LF instead of CRLF")
            body = mended
    return Dump(start_line, headers, content_type, body, tuple(notes))


def _guess_content_type(data: bytes) -> str | None:
    """Return the media type that *data* looks like: an envelope, or a body of parts."""
    start = data[:HEAD_BYTES_MAX].removeprefix(_BYTE_ORDER_MARK).lstrip()
    if start.startswith(b"<"):
        return f"{SOAP}; charset=UTF-8"
    found = _FIRST_BOUNDARY.match(start)
    if found is None:
        return None
    boundary = found[1].decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
    return f'multipart/related; type="{SOAP}"; boundary="{boundary}"'


def _split_head(data: bytes) -> tuple[str | None, dict[str, str], bytes]:
    """Return start line, headers and body; interim answers (100 Continue) are skipped."""
    while True:
        blank = _BLANK_LINE.search(data, 0, HEAD_BYTES_MAX)
        if blank is None:
            raise Unreadable(400, "this is no HTTP message, SOAP envelope or MIME body")
        lines = data[: blank.start()].decode("latin-1").splitlines()
        start_line = None
        if lines and _HEADER_LINE.fullmatch(lines[0]) is None:
            start_line = lines.pop(0)
        headers = _read_headers(lines)
        data = data[blank.end() :]
        if start_line is None or not _INTERIM.match(start_line):
            return start_line, headers, data


def _read_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    last: str | None = None
    for line in lines:
        if last is not None and line[:1] in (" ", "\t"):
            headers[last] += " " + line.strip()
            continue
        found = _HEADER_LINE.fullmatch(line)
        if found is None:
            raise Unreadable(400, f"not a line of an HTTP head: {line[:80]!r}")
        last = found[1].lower()
        headers[last] = found[2].strip()
    return headers


def _undo_encodings(headers: dict[str, str], body: bytes, notes: list[str]) -> bytes:
    """Return *body* without chunks and gzip, as far as it still has them."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 12 and int(announced) > len(body):
        notes.append(f"the body has {len(body)} bytes, the HTTP head announces {announced}")
    if "chunked" in headers.get("transfer-encoding", "").lower() and _CHUNK_SIZE.match(body):
        body = _join_chunks(body, notes)
    if body.startswith(_GZIP):
        try:
            body = inflate(body, TOTAL_BYTES_MAX)
        except As4Error as error:
            status = 413 if "larger" in error.detail else 400
            raise Unreadable(status, f"the body in gzip cannot be read: {error.detail}") from error
    return body


def _join_chunks(body: bytes, notes: list[str]) -> bytes:
    """Return *body* without its chunk framing, as far as that goes."""
    pieces: list[bytes] = []
    position = 0
    while size := _CHUNK_SIZE.match(body, position):
        length = int(size[1], 16)
        if not length:
            return b"".join(pieces)
        pieces.append(body[size.end() : size.end() + length])
        position = size.end() + length
        position += 2 if body[position : position + 2] == b"\r\n" else 1
    notes.append("the last chunk of the body is missing")
    return b"".join(pieces)


def _boundary(content_type: str) -> bytes | None:
    try:
        media_type = parse_media_type(content_type)
    except BadHeader:
        return None
    boundary = media_type.parameters.get("boundary")
    if boundary is None or not media_type.name.startswith("multipart/"):
        return None
    return boundary.encode("latin-1", "replace")


def _mend_lines(body: bytes, boundary: bytes) -> bytes:
    """Return *body* with CRLF around its boundaries and in the headers of its parts.

    Only where its boundary lines end in LF, and without touching the content of the parts.
    """
    name = b"--" + re.escape(boundary)
    if re.search(rb"(?:\A|\n)" + name + rb"[ \t]*\n", body) is None:
        return body
    pieces: list[bytes | None] = re.split(rb"(?:\A|\n)" + name + rb"(--)?[ \t]*(?:\n|\Z)", body)
    # What comes out is: preamble, then for each boundary its dashes (or None) and what follows.
    mended = [pieces[0] or b""]
    for dashes, part in zip(pieces[1::2], pieces[2::2], strict=True):
        mended.append(b"\r\n--" + boundary + (dashes or b"") + b"\r\n")
        mended.append(_mend_head(part or b"") if dashes is None else part or b"")
    return b"".join(mended)


def _mend_head(part: bytes) -> bytes:
    head, blank, content = part.partition(b"\n\n")
    return b"\r\n".join(head.splitlines()) + b"\r\n\r\n" + content if blank else part
