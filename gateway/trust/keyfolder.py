"""The folder of keys that are not in use: the one that comes next, and those that were in use.

`next.key.pem` and `next.csr.pem` are made by a request, `next.cert.pem` comes with the certificate,
`previous-SERIAL.pem` holds a key that was in use, with its certificate.  Every file appears whole
or not at all, private keys with mode 0600.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PREVIOUS_MAX = 16  # LIMIT: keys kept to open messages; a key is in use for two years.
KEY_FILE_MODE = 0o600
RETIRED_MARK = "Retired: "
"""Begins the first line of a previous key's file; the instant follows."""
_OPEN_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The files in *folder*, which need not exist yet."""

    folder: Path

    @property
    def next_key(self) -> Path:
        """The private key that a certificate was requested for."""
        return self.folder / "next.key.pem"

    @property
    def next_request(self) -> Path:
        """The request itself, for the authority."""
        return self.folder / "next.csr.pem"

    @property
    def next_certificate(self) -> Path:
        """The certificate that came back."""
        return self.folder / "next.cert.pem"

    def previous(self) -> tuple[Path, ...]:
        """Return the files of keys that were in use; raises OSError for an unreadable folder."""
        try:
            found = sorted(self.folder.iterdir())
        except FileNotFoundError:
            return ()
        return tuple(each for each in found if each.match("previous-*.pem"))

    def previous_file(self, serial: int) -> Path:
        """Return where a key is kept whose certificate has *serial*."""
        return self.folder / f"previous-{serial:x}.pem"

    def has_next(self) -> bool:
        """Say whether a key waits here with its certificate."""
        return self.next_key.exists() and self.next_certificate.exists()

    def watched(self) -> Iterator[Path]:
        """Yield every file that says what our keys are, and the folder itself."""
        yield self.folder
        yield self.next_key
        yield self.next_certificate
        with suppress(OSError):  # who reads the keys says so
            yield from self.previous()

    def make(self) -> None:
        """Make the folder with mode 0700, owned like the folder it stands in."""
        if self.folder.exists():
            return
        self.folder.mkdir(mode=0o700, parents=True)
        _give_to_owner_of(self.folder.parent, self.folder)


def retired_at(file: Path) -> datetime | None:
    """Return since when the key in *file* is not in use, None when the file does not say."""
    try:
        head = file.read_bytes().split(b"\n", 1)[0].decode("ascii")
        return datetime.fromisoformat(head.removeprefix(RETIRED_MARK))
    except (OSError, ValueError):
        return None


def write_whole(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Put *content* in the place of *path* in one step, on disk before it shows.

    A file that is replaced hands on its owner, group and mode; a new one has mode 0600 if it is
    *secret*.  Where *path* is a symbolic link, what it points to is replaced.
    """
    target = path.resolve()
    fresh = _write_beside(target, content, KEY_FILE_MODE if secret else _OPEN_FILE_MODE)
    try:
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o777)
            _give_to_owner_of(target, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    _sync_folder(target.parent)


def write_first(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Put *content* at *path*; raises FileExistsError, changing nothing, if something is there."""
    fresh = _write_beside(path, content, KEY_FILE_MODE if secret else _OPEN_FILE_MODE)
    try:
        os.link(fresh, path)
    finally:
        fresh.unlink()
    _sync_folder(path.parent)


def _write_beside(path: Path, content: bytes, mode: int) -> Path:
    """Write *content* to a new file in the folder of *path*, readable for nobody else meanwhile."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(mode)
    _give_to_owner_of(path.parent, fresh)
    return fresh


def _give_to_owner_of(model: Path, path: Path) -> None:
    """Let *path* belong to whom *model* belongs to: root may work here, the gateway reads it."""
    if os.geteuid() == 0:
        stat = model.stat()
        os.chown(path, stat.st_uid, stat.st_gid)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
