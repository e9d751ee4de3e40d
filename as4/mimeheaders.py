"""The header lines of a MIME body and of its parts, and the encodings they announce.  [MIME]

Reads media types with parameters as peers write them, part headers, and decodes the content
transfer encodings piece by piece.  Cutting a body into its parts is the business of `as4.mime`.
"""

import binascii
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from as4.errors import Unreadable

SOAP = "application/soap+xml"

_MEDIA_TYPE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*")
# INTEROP(phase4 4.x): an unquoted boundary may hold "=" and other characters that a token must
# not, so anything up to the next semicolon or blank is taken.
_PARAMETER = re.compile(
    r';\s*(?:([^\s=;"]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s;"]+))\s*)?', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_FOLD = re.compile(r"\r\n[ \t]+")
# One to seventy characters, and no blank at the end.  [MIME §5.1.1]
# INTEROP(Java Mail): characters outside the set of the specification do no harm.
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")

# LIMIT: media types remembered; the parts of all messages have the same few.
MEDIA_TYPES_MAX = 64
# LIMIT: header lines remembered; all but the names of the parts are the same in each message.
LINES_MAX = 64

_ONCE = frozenset({"content-type", "content-id", "content-transfer-encoding"})
_AS_IT_IS = frozenset({"binary", "8bit", "7bit"})


class BadHeader(ValueError):  # noqa: N818 - named for what is wrong
    """A header line, a media type or encoded content does not follow its grammar."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type, lower case, with its parameters (names lower case, values as written).

    It is remembered and handed out again: nobody changes the parameters.
    """

    name: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class PartHeaders:
    """What the header of a body part says; *content_id* without its angle brackets."""

    media_type: MediaType
    content_id: str | None
    transfer_encoding: str


class TransferDecoder(Protocol):
    """Undoes a content transfer encoding, whatever the pieces it is fed."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what *chunk* adds to the decoded content."""

    def close(self) -> None:
        """Raise BadHeader if the content ends in the middle of a group."""


@lru_cache(MEDIA_TYPES_MAX)
def parse_media_type(value: str) -> MediaType:
    """Read the value of a Content-Type header.  [MIME §5.1]

    Raises BadHeader when it is malformed or names a parameter twice.
    """
    start = _MEDIA_TYPE.match(value)
    if start is None:
        raise BadHeader(f"not a media type: {value[:80]!r}")
    parameters: dict[str, str] = {}
    position = start.end()
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if found is None:
            raise BadHeader(f"malformed parameter in {value[:200]!r}")
        position = found.end()
        name, quoted, plain = found.groups()
        if name is not None:
            _add_parameter(parameters, name.lower(), plain, quoted)
    return MediaType(start[1].lower(), parameters)


def _add_parameter(
    parameters: dict[str, str], name: str, plain: str | None, quoted: str | None
) -> None:
    if name in parameters:
        raise BadHeader(f"parameter {name} twice in a media type")
    if quoted is not None:
        plain = _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted
    parameters[name] = plain or ""


def check_multipart(media_type: MediaType) -> bytes:
    """Return the boundary of *media_type*, which must be SOAP with attachments.  [RFC2387 §3]

    Raises Unreadable: 415 for another media type, 400 without a usable boundary.
    """
    if media_type.name != "multipart/related":
        raise Unreadable(415, f"{media_type.name} is not a media type of AS4")
    root_type = media_type.parameters.get("type", SOAP)
    if root_type.partition(";")[0].strip().lower() != SOAP:
        raise Unreadable(415, f"the type parameter names {root_type[:80]!r} instead of {SOAP}")
    boundary = media_type.parameters.get("boundary", "")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise Unreadable(400, f"the media type has no usable boundary: {boundary[:80]!r}")
    return boundary.encode("ascii")


def check_soap_type(media_type: MediaType) -> None:
    """Raise Unreadable 415 unless *media_type* is SOAP 1.2 in UTF-8.  [SOAP12 §A]"""
    if media_type.name != SOAP:
        raise Unreadable(415, f"the SOAP part is {media_type.name} instead of {SOAP}")
    charset = media_type.parameters.get("charset", "utf-8")
    if charset.lower() != "utf-8":
        raise Unreadable(415, f"the SOAP part is in charset {charset[:40]!r} instead of UTF-8")


def bare_content_id(value: str) -> str:
    """Return a Content-ID or `start` value without blanks and angle brackets.  [RFC2392]"""
    value = value.strip()
    return value[1:-1] if value.startswith("<") and value.endswith(">") else value


def parse_part_headers(block: bytes) -> PartHeaders:
    """Read the header lines of one part, with CRLF between lines and none at the end.

    A part without Content-Type is text/plain.  [MIME §5.2]
    Raises BadHeader for what is no header line and for a repeated header of those we use.
    """
    text = block.decode("latin-1")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    headers = [_read_line(line) for line in text.split("\r\n")] if text else []
    found = dict(headers)
    if len(found) < len(headers):
        names = [name for name, _ in headers]
        for name in found:
            if name in _ONCE and names.count(name) > 1:
                raise BadHeader(f"header {name} twice in one part")
    content_id = found.get("content-id")
    return PartHeaders(
        media_type=parse_media_type(found.get("content-type") or "text/plain"),
        content_id=None if content_id is None else bare_content_id(content_id),
        transfer_encoding=(found.get("content-transfer-encoding") or "binary").lower(),
    )


@lru_cache(LINES_MAX)
def _read_line(line: str) -> tuple[str, str]:
    if "\r" in line or "\n" in line:
        raise BadHeader("the lines of a part's header must end with CRLF")
    name, colon, value = line.partition(":")
    name = name.rstrip().lower()
    if not colon or not name or " " in name:
        raise BadHeader(f"not a header line: {line[:80]!r}")
    return name, value.strip()


def open_decoder(transfer_encoding: str) -> TransferDecoder | None:
    """Return a decoder for *transfer_encoding*, None when the bytes stand as they are.  [MIME §6]

    Raises BadHeader for an encoding that no AS4 peer uses (quoted-printable and private ones).
    """
    if transfer_encoding in _AS_IT_IS:
        return None
    if transfer_encoding == "base64":
        return _Base64Decoder()
    raise BadHeader(f"transfer encoding {transfer_encoding[:40]!r} is not supported")


# The same words however it was cut: what is met first depends on the pieces.
_NOT_BASE64 = "the content is not base64, or goes on after its padding"


class _Base64Decoder:
    """Decodes base64 in pieces; line ends and blanks may stand anywhere.  [MIME §6.8]"""

    def __init__(self) -> None:
        self._rest = b""
        self._padded = False

    def feed(self, chunk: bytes) -> bytes:
        characters = self._rest + chunk.translate(None, b" \t\r\n")
        if not characters:
            return b""
        usable = len(characters) - len(characters) % 4
        self._rest = characters[usable:]
        is_over = self._padded
        self._padded = characters.endswith(b"=", 0, usable)
        if is_over or (self._padded and self._rest):
            raise BadHeader(_NOT_BASE64)
        try:
            return binascii.a2b_base64(characters[:usable], strict_mode=True)
        except binascii.Error as exc:
            raise BadHeader(_NOT_BASE64) from exc

    def close(self) -> None:
        if self._rest:
            raise BadHeader("base64 content ends in the middle of a group")
