"""Cut the body of an AS4 request or answer into its parts, piece by piece.  [MIME] [RFC2387]

The same reader serves a body that lies in memory and one that streams in: `feed` takes any cut
of the bytes and returns the events they complete.  It keeps no content; what it holds back is
bounded by the length of a delimiter or a header.

What is wrong before the SOAP part is complete is no ebMS message yet and raises Unreadable at
once.  What is wrong behind it must not hide the message that the SOAP part names: those errors
wait until the events before them have been handed out, and are raised by the next call.

Comparing the parts with eb:PartInfo is left to the caller.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from as4.errors import As4Error, ExternalPayloadError, MimeInconsistency, Unreadable
from as4.mimeheaders import (
    SOAP,
    BadHeader,
    MediaType,
    PartHeaders,
    TransferDecoder,
    bare_content_id,
    check_multipart,
    check_soap_type,
    open_decoder,
    parse_media_type,
    parse_part_headers,
)

# LIMIT: a SOAP part and one payload are all that Peppol sends; four leave room to say what is
# wrong with a message that has more.
PARTS_MAX = 4
# LIMIT: 16 KiB of header lines per part; peers send under 300 bytes.
HEADER_BYTES_MAX = 16 << 10
# LIMIT: 16 KiB before the first boundary; a preamble is a sentence, when there is one at all.
PREAMBLE_BYTES_MAX = 16 << 10
# LIMIT: blanks after a boundary, which no known peer writes; longer ones make it content.
PADDING_BYTES_MAX = 256
# LIMIT: the SOAP part is parsed as a tree; the largest seen is 14 KB.
SOAP_BYTES_MAX = 1 << 20
# LIMIT: 100 MB that do not compress, base64 as transfer encoding, and the envelope.
TOTAL_BYTES_MAX = 160 << 20


@dataclass(slots=True)
class PartBegin:
    """A part starts; its content lies at *offset* in the body, counted in bytes."""

    index: int
    headers: PartHeaders
    offset: int


@dataclass(slots=True)
class PartData:
    """More content of the current part, its transfer encoding undone."""

    data: bytes


@dataclass(slots=True)
class PartEnd:
    """The current part is complete; its content takes *length* bytes of the body, as encoded."""

    length: int


Event = PartBegin | PartData | PartEnd


class BodyReader(Protocol):
    """What `open_body` returns: feed the body, then close it."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Return the events that *chunk* completes; raises Unreadable and As4Error."""

    def close(self) -> Sequence[Event]:
        """Say that the body is complete; returns the last events, raises like `feed`."""


def open_body(
    content_type: str,
    *,
    soap_bytes_max: int = SOAP_BYTES_MAX,
    total_bytes_max: int = TOTAL_BYTES_MAX,
) -> BodyReader:
    """Return the reader for a body of *content_type*: multipart/related or plain SOAP.

    Raises Unreadable: 415 for any other media type or charset, 400 without a usable boundary.
    """
    try:
        media_type = parse_media_type(content_type)
    except BadHeader as exc:
        readable = content_type.lstrip().lower().startswith(("multipart/related", SOAP))
        raise Unreadable(400 if readable else 415, str(exc)) from exc
    if media_type.name == SOAP:
        return PlainBody(media_type, soap_bytes_max=soap_bytes_max)
    return Splitter(media_type, soap_bytes_max=soap_bytes_max, total_bytes_max=total_bytes_max)


class PlainBody:
    """A body that is one SOAP message without attachment: receipts, errors, some pings."""

    def __init__(self, media_type: MediaType, *, soap_bytes_max: int = SOAP_BYTES_MAX) -> None:
        check_soap_type(media_type)
        self._headers = PartHeaders(media_type, None, "binary")
        self._bytes_max = soap_bytes_max
        self._length = 0

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Return *chunk* as content; raises Unreadable 413 when the message grows too large."""
        if not chunk:
            return ()
        first = self._length == 0
        self._length += len(chunk)
        if self._length > self._bytes_max:
            raise Unreadable(413, f"the SOAP message is larger than {self._bytes_max} bytes")
        data = PartData(chunk)
        return (PartBegin(0, self._headers, 0), data) if first else (data,)

    def close(self) -> Sequence[Event]:
        """End the one part; raises Unreadable 400 when nothing came."""
        if not self._length:
            raise Unreadable(400, "the body is empty")
        return (PartEnd(self._length),)


class Splitter:
    """A multipart/related body: the SOAP message first, then its attachments.  [RFC2387 §3]"""

    def __init__(
        self,
        media_type: MediaType,
        *,
        soap_bytes_max: int = SOAP_BYTES_MAX,
        total_bytes_max: int = TOTAL_BYTES_MAX,
    ) -> None:
        boundary = check_multipart(media_type)
        start = media_type.parameters.get("start")
        self._start = None if start is None else bare_content_id(start)
        self._delimiter = b"\r\n--" + boundary
        self._soap_bytes_max = soap_bytes_max
        self._total_bytes_max = total_bytes_max
        self._held = b""
        self._held_at = 0
        self._at = 0
        self._step = Splitter._preamble
        self._parts = 0
        self._soap_complete = False
        self._content_ids: set[str] = set()
        self._decoder: TransferDecoder | None = None
        self._content_at = 0
        self._content_skip = 0
        self._soap_length = 0
        self._deferred: As4Error | None = None

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Return the events that *chunk* completes.

        Raises Unreadable (400, 413, 415), or the error found behind the SOAP part earlier.
        """
        if self._deferred is not None:
            raise self._deferred
        data = self._held + chunk if self._held else chunk
        if self._held_at + len(data) > self._total_bytes_max:
            raise Unreadable(413, f"the body is larger than {self._total_bytes_max} bytes")
        events: list[Event] = []
        self._at = 0
        try:
            while self._step(self, data, events):
                pass
        except As4Error as exc:
            self._deferred = exc
            self._at = len(data)
        self._held = data[self._at :]
        self._held_at += self._at
        return events

    def close(self) -> Sequence[Event]:
        """Check that the body came to its end; raises Unreadable or the deferred error."""
        if self._deferred is not None:
            raise self._deferred
        if self._step is Splitter._preamble:
            self._refuse_preamble(self._held)
        if self._step is Splitter._headers:
            self._refuse_headers(self._held, "the body ends in the header of a part")
        if self._step is Splitter._content:
            self._refuse("the body ends before its last boundary")
        return ()

    # Each step below works on *data* from self._at on, moves it to the first byte that is still
    # needed, and returns whether the next step can go on at once.

    def _preamble(self, data: bytes, events: list[Event]) -> bool:
        """Skip to the first boundary.  [MIME §5.1.1]"""
        del events
        while (found := data.find(self._delimiter[2:], self._at)) >= 0:
            if self._held_at + found > PREAMBLE_BYTES_MAX:
                break
            line, after = _read_line_end(data, found + len(self._delimiter) - 2)
            if line == "unsure":
                break
            if line != "content" and _starts_line(data, found):
                return self._cross_boundary(line, found, after)
            self._at = found + 1
        if self._held_at + len(data) >= PREAMBLE_BYTES_MAX + len(self._delimiter):
            self._refuse_preamble(data)
        # What precedes a boundary on its line decides whether it is one: keep all of it.
        self._at = 0
        return False

    def _headers(self, data: bytes, events: list[Event]) -> bool:
        """Read the header of a part; self._at is the line end of its boundary."""
        end = data.find(b"\r\n\r\n", self._at, self._at + HEADER_BYTES_MAX + 4)
        if end < 0:
            if len(data) - self._at >= HEADER_BYTES_MAX + 4:
                self._refuse_headers(data, f"a part has over {HEADER_BYTES_MAX} bytes of header")
            return False
        self._begin_part(data[self._at + 2 : end], self._held_at + end + 4, events)
        # The line end of the blank line may at once be that of the next boundary.
        self._at = end + 2
        self._content_skip = 2
        self._step = Splitter._content
        return True

    def _content(self, data: bytes, events: list[Event]) -> bool:
        """Hand out content up to the next boundary."""
        search_from = self._at
        while (found := data.find(self._delimiter, search_from)) >= 0:
            line, after = _read_line_end(data, found + len(self._delimiter))
            if line != "content":
                self._hand_out(data, found, events)
                if line != "unsure":
                    self._end_part(self._held_at + found, events)
                return self._cross_boundary(line, found, after)
            search_from = found + 1
        self._hand_out(data, len(data) - len(self._delimiter) + 1, events)
        return False

    def _epilogue(self, data: bytes, events: list[Event]) -> bool:
        """Drop what follows the last boundary.  [MIME §5.1.1]"""
        del events
        self._at = len(data)
        return False

    def _cross_boundary(self, line: "_Line", found: int, after: int) -> bool:
        """Go on behind the boundary *found*, or wait for the rest of its line."""
        if line == "unsure":
            self._at = found
            return False
        self._at = after
        self._step = Splitter._headers if line == "part" else Splitter._epilogue
        if line == "close" and not self._parts:
            raise Unreadable(400, "the multipart body has no part")
        return True

    def _begin_part(self, block: bytes, offset: int, events: list[Event]) -> None:
        if self._parts == PARTS_MAX:
            raise ExternalPayloadError(f"the body has more than {PARTS_MAX} parts")
        try:
            headers = parse_part_headers(block)
            self._decoder = open_decoder(headers.transfer_encoding)
        except BadHeader as exc:
            self._refuse(str(exc), exc)
        if self._parts == 0:
            self._check_soap_part(headers)
        elif headers.media_type.name.startswith(("multipart/", "message/")):
            self._refuse("a part holds parts of its own")
        if headers.content_id is not None:
            if headers.content_id in self._content_ids:
                raise ExternalPayloadError(f"two parts are named {headers.content_id[:200]!r}")
            self._content_ids.add(headers.content_id)
        events.append(PartBegin(self._parts, headers, offset))
        self._parts += 1
        self._content_at = offset

    def _check_soap_part(self, headers: PartHeaders) -> None:
        check_soap_type(headers.media_type)
        if self._start is not None and self._start != headers.content_id:
            raise Unreadable(400, "the first part is not the one that the start parameter names")

    def _hand_out(self, data: bytes, stop: int, events: list[Event]) -> None:
        """Append the content from self._at to *stop*, decoded, and move there."""
        start = self._at + self._content_skip
        if stop < start:
            return
        content = data[start:stop]
        self._at = stop
        self._content_skip = 0
        if self._decoder is not None:
            try:
                content = self._decoder.feed(content)
            except BadHeader as exc:
                self._refuse(str(exc), exc)
        if not self._soap_complete:
            self._soap_length += len(content)
            if self._soap_length > self._soap_bytes_max:
                raise Unreadable(413, f"the SOAP part is larger than {self._soap_bytes_max} bytes")
        if content:
            events.append(PartData(content))

    def _end_part(self, end: int, events: list[Event]) -> None:
        if self._decoder is not None:
            try:
                self._decoder.close()
            except BadHeader as exc:
                self._refuse(str(exc), exc)
        events.append(PartEnd(max(0, end - self._content_at)))
        self._soap_complete = True

    def _refuse_preamble(self, data: bytes) -> NoReturn:
        if self._delimiter[2:] + b"\n" in data:
            self._refuse(_LINE_ENDS)
        self._refuse("the body holds no boundary line")

    def _refuse_headers(self, data: bytes, detail: str) -> NoReturn:
        self._refuse(_LINE_ENDS if b"\n\n" in data else detail)

    def _refuse(self, detail: str, cause: Exception | None = None) -> NoReturn:
        """Raise what a broken structure means here: behind the SOAP part it is an ebMS error."""
        if self._soap_complete:
            raise MimeInconsistency(detail) from cause
        raise Unreadable(400, detail) from cause


_BLANKS = re.compile(rb"[ \t]{0,%d}" % (PADDING_BYTES_MAX + 1))
_LINE_ENDS = "the lines of the MIME structure must end with CRLF"


_Line = Literal["part", "close", "content", "unsure"]
"""What the rest of a line says about the boundary at its start."""


def _read_line_end(data: bytes, position: int) -> tuple[_Line, int]:
    """Read what follows a boundary; the position returned is where the next step starts.

    Behind the boundary of a part it is the line end itself, not what comes after it.
    """
    following = data[position : position + 2]
    if following == b"\r\n":
        return "part", position
    if following == b"--":
        return "close", position + 2
    blanks = _BLANKS.match(data, position)
    end = position if blanks is None else blanks.end()
    following = data[end : end + 2]
    if end - position > PADDING_BYTES_MAX:
        return "content", position
    if following == b"\r\n":
        return "part", end
    if following in (b"", b"\r") or (following == b"-" and end == position):
        return "unsure", position
    return "content", position


def _starts_line(data: bytes, position: int) -> bool:
    """Say whether a line of the body *data* starts at *position*, but for a byte order mark."""
    # INTEROP(phase4 4.x): accepts a byte order mark before the first boundary.
    if data.endswith(b"\xef\xbb\xbf", 0, position):
        position -= 3
    return position == 0 or data.endswith(b"\r\n", 0, position)
