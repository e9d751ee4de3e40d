"""Signed answers kept on disk over restarts: few, small, each written whole or not at all.

What is read back is judged like what comes from the network, by its signature and its date, so a
file that somebody damaged or replaced is no more than a lost one.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_FRESH = ".part"


class KeptFiles:
    """At most *files_max* files of one kind in *folder*; the calls block."""

    def __init__(self, folder: Path, kind: str, *, files_max: int) -> None:
        self._folder = folder
        self._kind = kind
        self._files_max = files_max

    def read(self, name: str, bytes_max: int) -> bytes | None:
        """Return what is kept under *name*, None when there is nothing; raises OSError."""
        try:
            with self._path(name).open("rb") as file:
                return file.read(bytes_max + 1)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Keep *content* under *name* and let the oldest files go; raises OSError.

        Nothing is synced: what a power failure tears is noticed, and fetched again.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(name)
        fresh = path.with_suffix(f".{self._kind}.{os.getpid()}{_FRESH}")
        try:
            fresh.write_bytes(content)
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        self._let_go()

    def _let_go(self) -> None:
        """Remove the oldest files, and leftovers of a process that was killed while it wrote."""
        dated = []
        for each in self._folder.glob(f"*.{self._kind}*"):
            with suppress(FileNotFoundError):
                dated.append((each.stat().st_mtime_ns, each))
        for _, each in sorted(dated)[: -self._files_max]:
            each.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.{self._kind}"


def name_of(issuer: x509.Certificate, about: bytes) -> str:
    """Return the file name of what *issuer* says *about* something (an address, a serial)."""
    return hashlib.sha256(about + b"\0" + issuer.public_bytes(Encoding.DER)).hexdigest()
