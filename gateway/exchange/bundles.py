"""Files with many documents: NDJSON and ZIP, judged before they are accepted, read entry by entry.

Nothing of a ZIP is written anywhere under the name it gives.  What its directory says is judged
first, so that no bomb, encrypted or nested archive is taken; what an entry turns out to be against
its directory is a refusal of that entry.  [NDJSON §3.1] [ZIP §4.3]
"""

import asyncio
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from gateway.errors import Fault, Kind, Problem
from gateway.exchange.forms import FORM_BYTES_MAX
from gateway.store.imports import Place

__all__ = ["NDJSON", "ZIP", "Entry", "LineCount", "count_entries", "read_entries"]

NDJSON: Final = "application/x-ndjson"
ZIP: Final = "application/zip"

ENTRIES_MAX: Final = 10_000  # LIMIT: lines of an NDJSON, documents in a ZIP.
UNPACKED_BYTES_MAX: Final = 2 * 1024**3  # LIMIT: all documents of a ZIP together.
DIRECTORY_BYTES_MAX: Final = ENTRIES_MAX * 300  # LIMIT: read into memory as a whole.
RATIO_MAX: Final = 200  # LIMIT: how much smaller packed; invoices become 5 to 50 times smaller.
RATIO_FROM_BYTES: Final = 1024 * 1024
NAME_CHARACTERS_MAX: Final = 400  # LIMIT: the path of an entry.
TOLD_MAX: Final = 100  # LIMIT: entries that one refusal names.
CHUNK_BYTES: Final = 256 * 1024

_END: Final = struct.Struct("<4s4H2LH")
_END_MARK: Final = b"PK\x05\x06"
_LOCATOR_BYTES, _LOCATOR_MARK = 20, b"PK\x06\x07"
_COMMENT_BYTES_MAX: Final = 1 << 16
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_PACKED: Final = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst")
_NOISE: Final = "__MACOSX/"


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of a file: *at* is its place, *then* that of the next one.

    *name* is its path in a ZIP.  *pieces* gives its bytes and may raise Fault (INVALID).
    """

    at: Place
    then: Place
    name: str | None
    pieces: Callable[[], AsyncIterator[bytes]]

    async def whole(self) -> bytes:
        """Return its bytes, which are JSON; raises Fault (TOO_LARGE) too."""
        data = bytearray()
        async for piece in self.pieces():
            data += piece
            if len(data) > FORM_BYTES_MAX:
                detail = f"JSON has at most {FORM_BYTES_MAX} bytes; send a larger document as UBL"
                raise Fault(Kind.TOO_LARGE, "entry-too-large", detail)
        return bytes(data)


class LineCount:
    """Counts the entries of an NDJSON file while it arrives."""

    def __init__(self) -> None:
        self._lines = 0
        self._entries = 0
        self._length = 0
        self._blank = True

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; raises Fault: too many lines, or one too long."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._extend(part)
            self._end()
        self._extend(rest)

    def close(self) -> int:
        """Return how many lines are not blank; raises Fault (INVALID) when there is none."""
        if self._length:
            self._end()
        return _some(self._entries)

    def _extend(self, part: bytes) -> None:
        self._length += len(part)
        self._blank = self._blank and not part.strip()
        if self._length > FORM_BYTES_MAX:
            message = f"the line has more than {FORM_BYTES_MAX} bytes"
            raise _bad_file(
                "bad-ndjson", [_problem("bad-ndjson", f"line {self._lines + 1}", message)]
            )

    def _end(self) -> None:
        self._lines += 1
        self._entries += not self._blank
        self._length, self._blank = 0, True
        if self._lines > ENTRIES_MAX:
            raise _too_many("lines")


def count_entries(path: Path, *, document_bytes_max: int) -> int:
    """Return how many documents the ZIP at *path* has, if its directory is as we take it.

    Raises Fault (INVALID) with all that is wrong.
    """
    with path.open("rb") as file:
        _check_directory(file)
        with _opened(file) as archive:
            entries = _documents(archive)
    if len(entries) > ENTRIES_MAX:
        raise _too_many("entries")
    problems = [
        _problem(rule, info.filename[:NAME_CHARACTERS_MAX], message)
        for info in entries
        for rule, message in _objections(info, document_bytes_max)
    ]
    if sum(info.file_size for info in entries) > UNPACKED_BYTES_MAX:
        message = f"the documents together have more than {UNPACKED_BYTES_MAX} bytes"
        problems.append(_problem("entry-too-large", "", message))
    if problems:
        raise _bad_file("bad-zip", problems)
    return _some(len(entries))


async def read_entries(file: BinaryIO, media_type: str, start: Place) -> AsyncIterator[Entry]:
    """Yield the documents of *file*, which was judged before, from *start* on."""
    entries = _read_zip(file, start) if media_type == ZIP else _read_lines(file, start)
    async for entry in entries:
        yield entry


async def _read_lines(file: BinaryIO, start: Place) -> AsyncIterator[Entry]:
    file.seek(start.offset)
    place = start
    while line := await asyncio.to_thread(file.readline, FORM_BYTES_MAX + 2):
        then = Place(place.offset + len(line), place.position + 1)
        if line.strip():
            # The entry starts where the one before ended, so blank lines are passed with it.
            yield Entry(Place(start.offset, place.position), then, None, _given(line))
            start = then
        place = then


async def _read_zip(file: BinaryIO, start: Place) -> AsyncIterator[Entry]:
    with await asyncio.to_thread(_opened, file) as archive:
        for index, info in enumerate(_documents(archive)[start.offset :], start.offset):
            at, then = Place(index, index + 1), Place(index + 1, index + 2)
            yield Entry(at, then, info.filename, _packed(archive, info))


def _given(data: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        yield data

    return pieces


def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            with await asyncio.to_thread(archive.open, info) as entry:
                # Never more than the directory says; the checksum is checked at the end.
                while piece := await asyncio.to_thread(entry.read, CHUNK_BYTES):
                    yield piece
        except (*_BROKEN, RuntimeError, EOFError) as error:
            detail = f"{info.filename} cannot be unpacked: {error}"
            raise Fault(Kind.INVALID, "bad-entry", detail) from error

    return pieces


_BROKEN: Final = (zipfile.BadZipFile, zlib.error, struct.error, UnicodeError, NotImplementedError)


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (*_BROKEN, ValueError) as error:
        raise _bad_file("bad-zip", [_problem("bad-zip", "", f"not a ZIP: {error}")]) from error


def _documents(archive: zipfile.ZipFile) -> Sequence[zipfile.ZipInfo]:
    """Return the entries that are to be documents: neither folders nor what a Mac adds."""
    listed = archive.infolist()
    return [each for each in listed if not each.is_dir() and not each.filename.startswith(_NOISE)]


def _check_directory(file: BinaryIO) -> None:
    """Refuse a file whose directory would not fit into memory, before anything reads it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _COMMENT_BYTES_MAX - _END.size - _LOCATOR_BYTES))
    tail = file.read()
    at = len(tail) - _END.size
    if tail[-_END.size :][:4] != _END_MARK or tail[-2:] != b"\0\0":
        at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END.size:
        raise _bad_file("bad-zip", [_problem("bad-zip", "", "not a ZIP, or cut off")])
    _, _, _, _, entries, directory_bytes, _, _ = _END.unpack_from(tail, at)
    is_zip64 = tail[max(0, at - _LOCATOR_BYTES) :][:4] == _LOCATOR_MARK
    if is_zip64 or entries > ENTRIES_MAX * 2 or directory_bytes > DIRECTORY_BYTES_MAX:
        raise _too_many("entries")


def _objections(info: zipfile.ZipInfo, bytes_max: int) -> Iterator[tuple[str, str]]:
    """Yield why *info* is not taken: rule and message."""
    name = info.filename
    steps = name.replace("\\", "/").split("/")
    if (
        len(name) > NAME_CHARACTERS_MAX
        or not name.isprintable()
        or ".." in steps
        or not steps[0]
        or ":" in steps[0]
    ):
        yield "entry-name", "its name is no plain relative path"
    if info.flag_bits & _ENCRYPTED:
        yield "entry-encrypted", "it is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "entry-method", "it is packed in a way other than deflate"
    if name.lower().endswith(_PACKED):
        yield "entry-nested", "it is an archive itself"
    if info.file_size > bytes_max:
        yield "entry-too-large", f"it has more than {bytes_max} bytes"
    if info.file_size > max(RATIO_FROM_BYTES, info.compress_size * RATIO_MAX):
        yield "entry-ratio", f"it is packed to less than a {RATIO_MAX}th"


def _some(entries: int) -> int:
    if entries == 0:
        raise Fault(Kind.INVALID, "empty-import", "there is no document in the file")
    return entries


def _too_many(what: str) -> Fault:
    detail = f"the file has more than {ENTRIES_MAX} {what}; send several files"
    return Fault(Kind.INVALID, "too-many-entries", detail)


def _problem(rule: str, place: str, message: str) -> Problem:
    return Problem(rule=rule, location=place, message=message)


def _bad_file(code: str, problems: Sequence[Problem]) -> Fault:
    first = problems[0]
    detail = f"the file cannot be imported: {first.location or 'it'}: {first.message}"
    return Fault(Kind.INVALID, code, detail, errors=problems[:TOLD_MAX])
