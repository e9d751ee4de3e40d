"""Large bodies as files: the only place that names their paths.

A body arrives in a spool file and becomes part of the archive by `keep`, which returns only when
its bytes and its name are on the disk; the commit that names it comes after that.
What was never kept is swept away at start; what was kept, but is in no row because of a crash
before the commit, goes by `gateway.store.leftovers`.
Files hold what was on the wire (signed, encrypted), or, outbound, the document as the caller gave
it; folders are 0700 and files 0600.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gateway.errors import Unavailable

__all__ = ["Archive", "SpoolFile", "sync_folder"]

CHUNK_BYTES = 1 << 18

NAME_CHARACTERS = frozenset("0123456789abcdef-")


def sync_folder(folder: Path) -> None:
    """Put the names in *folder* on the disk; a renamed file is lost without it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SpoolFile:
    """A body on its way in.  Write it, then `keep` it or `discard` it; nothing else removes it.

    *written* counts the bytes.  Disk errors are raised as Unavailable.
    """

    def __init__(self, path: Path, kept: Path) -> None:
        self._path = path
        self._kept = kept
        self.written = 0
        with _or_unavailable("written"):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # The lock says "in use" to whoever sweeps, and goes with us when we are killed.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._file: BinaryIO | None = os.fdopen(descriptor, "wb", CHUNK_BYTES)

    @property
    def path(self) -> Path:
        """Where the bytes are while they are not kept, for a second reading."""
        return self._path

    def write(self, chunk: bytes) -> None:
        """Append *chunk*."""
        assert self._file is not None
        with _or_unavailable("written"):
            self._file.write(chunk)
        self.written += len(chunk)

    def flush(self) -> None:
        """Make all that was written readable through `path`."""
        assert self._file is not None
        with _or_unavailable("written"):
            self._file.flush()

    async def keep(self) -> str:
        """Put the file into the archive and return its name, once it would survive a power cut."""
        assert self._file is not None
        with _or_unavailable("written"):
            await asyncio.to_thread(self._keep)
        return self._kept.name

    def _keep(self) -> None:
        file = self._file
        assert file is not None
        file.flush()
        os.fsync(file.fileno())
        self._kept.parent.mkdir(mode=0o700, exist_ok=True)
        self._path.rename(self._kept)
        file.close()
        self._file = None
        sync_folder(self._kept.parent)
        sync_folder(self._kept.parent.parent)

    def discard(self) -> None:
        """Remove the file if it was not kept; harmless otherwise, and when called twice."""
        if self._file is not None:
            # A disk that is full does not take what is still buffered; nobody wants it any more.
            with suppress(OSError):
                self._file.close()
            self._file = None
        self._path.unlink(missing_ok=True)


class Archive:
    """The folder of kept bodies, each under a name that `SpoolFile.keep` gave.

    Several processes may share the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "kept"
        self._spool = folder / "spool"
        for path in (folder, self._kept, self._spool):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def open_spool(self, unique: str) -> SpoolFile:
        """Open an empty spool file; *unique* (hexadecimal, such as a UUID) becomes its name."""
        _check_name(unique)
        return SpoolFile(self._spool / unique, self._path(unique))

    async def read(
        self, name: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of *name* from *offset* on, *length* of them (None: to the end)."""
        with await self.open(name) as file:
            file.seek(offset)
            left = length
            while left is None or left > 0:
                size = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
                chunk = await asyncio.to_thread(file.read, size)
                if not chunk:
                    break
                left = None if left is None else left - len(chunk)
                yield chunk

    async def open(self, name: str) -> BinaryIO:
        """Return *name* opened for reading at any place; whoever asks closes it."""
        with _or_unavailable("read"):
            return await asyncio.to_thread(self._path(name).open, "rb")

    def size(self, name: str) -> int | None:
        """Return how many bytes *name* has; None if there is no such file."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Remove *name* for good; harmless when it is gone already."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Return all kept names, sorted."""
        return sorted(path.name for path in self._kept.glob("*/*"))

    def sweep_leftovers(self) -> int:
        """Remove what killed processes left in the spool; return how many files."""
        return sum(_remove_if_orphan(path) for path in self._spool.iterdir() if path.name != ".now")

    def idle_names(self, *, seconds: float) -> list[str]:
        """Return the kept names whose files were written at least *seconds* ago, sorted.

        Younger ones may belong to a commit under way.  The disk's own clock decides.
        """
        mark = self._spool / ".now"
        mark.touch(mode=0o600)
        before = mark.stat().st_mtime - seconds
        return [name for name in self.names() if self._path(name).stat().st_mtime <= before]

    def _path(self, name: str) -> Path:
        _check_name(name)
        # The last characters of a time-ordered identifier are random: 256 even folders.
        return self._kept / name[-2:] / name


@contextmanager
def _or_unavailable(done: str) -> Iterator[None]:
    """Raise Unavailable for an error of the disk inside the block: it cannot be *done*."""
    try:
        yield
    except OSError as exc:
        raise Unavailable(f"the archive cannot be {done}: {exc.strerror}") from exc


def _check_name(name: str) -> None:
    """Refuse what is not a name of ours, so that no row can lead out of the folder."""
    if len(name) < 8 or not NAME_CHARACTERS.issuperset(name):
        raise ValueError(f"not a name in the archive: {name!r}")


def _remove_if_orphan(path: Path) -> bool:
    """Remove the spool file *path* unless a living process writes it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
