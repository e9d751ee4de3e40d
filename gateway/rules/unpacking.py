"""Take single members out of a zip or tar file, by their exact names and within bounds.

No name from an archive ever becomes a path: the caller says which members it wants.
"""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from typing import IO

from gateway.errors import Fault, Kind
from gateway.rules.packs import PACK_FILE_BYTES_MAX

# LIMIT: entries of an archive that is unpacked; the largest of those pinned has 1,500.
ENTRIES_MAX = 20_000


def unpack(data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    """Return the members *names* of the archive *data*; raise Fault unless each is there once."""
    wanted = set(names)
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            return _unpack_zip(data, wanted)
        return _unpack_tar(data, wanted)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError) as error:
        raise _bad(f"it is no zip or tar file that can be read: {error}") from error


def _unpack_zip(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        _check_count(len(entries))
        for entry in entries:
            if entry.filename in wanted:
                with archive.open(entry) as file:
                    _take(found, entry.filename, file)
    return _complete(found, wanted)


def _unpack_tar(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for count, entry in enumerate(archive, 1):
            _check_count(count)
            if entry.name in wanted:
                file = archive.extractfile(entry) if entry.isreg() else None
                if file is None:
                    raise _bad(f"{entry.name} is no plain file")
                _take(found, entry.name, file)
    return _complete(found, wanted)


def _check_count(count: int) -> None:
    if count > ENTRIES_MAX:
        raise _bad(f"it has more than {ENTRIES_MAX} entries")


def _take(found: dict[str, bytes], name: str, file: IO[bytes]) -> None:
    content = file.read(PACK_FILE_BYTES_MAX + 1)
    if len(content) > PACK_FILE_BYTES_MAX:
        raise _bad(f"{name} is larger than {PACK_FILE_BYTES_MAX} bytes")
    if name in found:
        raise _bad(f"{name} is there twice")
    found[name] = content


def _complete(found: dict[str, bytes], wanted: set[str]) -> dict[str, bytes]:
    missing = sorted(wanted - set(found))
    if missing:
        raise _bad(f"it does not hold {', '.join(missing)}")
    return found


def _bad(detail: str) -> Fault:
    return Fault(Kind.INVALID, "bad-rule-archive", f"the archive cannot be unpacked: {detail}")
