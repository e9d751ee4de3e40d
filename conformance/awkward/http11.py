"""HTTP/1.1 by hand, for what libraries do not let one vary: chunks, cases, extensions, endings.

It speaks no more of it than AS4 needs: one request, one answer, with a length or in chunks.
[RFC9110 §6]
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from conformance.awkward.transfer import Sleep, Transfer, pieces

__all__ = ["BadHttp", "Message", "read_message", "send_message"]

HEAD_BYTES_MAX: Final = 64 << 10  # LIMIT: peers send some 500 bytes of it.
BODY_BYTES_MAX: Final = 128 << 20  # LIMIT: of one message that is taken.
_INTERIM: Final = "HTTP/1.1 1"


class BadHttp(Exception):  # noqa: N818 - it says what came
    """What came is not HTTP/1.1, or more of it than is taken."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line, its headers by their names in small letters."""

    first_line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def status(self) -> int:
        """The status of an answer; raises BadHttp when it has none."""
        try:
            return int(self.first_line.split()[1])
        except (IndexError, ValueError):
            raise BadHttp(f"not an answer: {self.first_line[:80]!r}") from None

    @property
    def keeps_open(self) -> bool:
        """Whether the connection may serve for another message."""
        return "close" not in self.headers.get("connection", "").lower()


async def read_message(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None = None
) -> Message:
    """Read one message; *writer* answers `Expect: 100-continue` where one asks.

    Interim answers are passed over.  Raises BadHttp, asyncio.IncompleteReadError when the
    connection ends, and OSError.
    """
    first_line, headers = await _read_head(reader)
    while first_line.startswith(_INTERIM):
        first_line, headers = await _read_head(reader)
    if writer is not None and headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Message(first_line, headers, await _read_body(reader, first_line, headers))


async def send_message(
    writer: asyncio.StreamWriter,
    first_line: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    how: Transfer,
    sleep: Sleep,
) -> None:
    """Write one message as *how* says; the length or the chunking is added to *headers*."""
    await send_head(writer, first_line, headers, len(body), how)
    async for piece in pieces(body, how, sleep):
        writer.write(_chunk(piece, how) if how.chunked else piece)
        await writer.drain()
    if how.chunked:
        writer.write(f"{how.zeros}0{how.extension}\r\n{how.trailer}\r\n".encode())
        await writer.drain()


async def send_head(
    writer: asyncio.StreamWriter,
    first_line: str,
    headers: Sequence[tuple[str, str]],
    length: int,
    how: Transfer,
) -> None:
    """Write the head of a message of *length* bytes, as *how* says."""
    framing = ("Transfer-Encoding", "chunked") if how.chunked else ("Content-Length", str(length))
    every = [*how.headers, *headers, framing, *((("Connection", "close"),) if how.close else ())]
    lines = [first_line, *(f"{how.header(name)}:{how.gap}{value}" for name, value in every)]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    await writer.drain()


def _chunk(piece: bytes, how: Transfer) -> bytes:
    size = f"{how.zeros}{len(piece):x}"
    return f"{size}{how.extension}\r\n".encode() + piece + b"\r\n"


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise BadHttp("the head is too long") from error
    first_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
    named = [line.partition(":") for line in lines]
    return first_line, {name.strip().lower(): value.strip() for name, _, value in named}


async def _read_body(
    reader: asyncio.StreamReader, first_line: str, headers: Mapping[str, str]
) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    length = headers.get("content-length")
    if length is None:
        is_request = not first_line.startswith("HTTP/")
        return b"" if is_request else await reader.read(BODY_BYTES_MAX)
    if not length.isdigit() or int(length) > BODY_BYTES_MAX:
        raise BadHttp(f"a body of {length[:40]} bytes is not taken")
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if len(body) + size > BODY_BYTES_MAX:
            raise BadHttp("the body is too long")
        if not size:
            break
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)
