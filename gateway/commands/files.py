"""Files that commands write: whole, or not at all."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.errors import Fault, Kind

__all__ = ["write_pieces"]


async def write_pieces(path: Path, pieces: AsyncIterator[bytes]) -> dict[str, Any]:
    """Write *pieces* to *path* once all have come; return its name and size.

    Until then what was at *path* stays as it was.  Raises Fault (INVALID) where nothing can be
    written, and as *pieces* does.
    """
    try:
        if _is_file(path):
            with _draft(path) as draft:
                size = await _write(draft, pieces)
        else:
            size = await _write(path, pieces)
    except OSError as error:
        detail = f"{path} cannot be written: {error.strerror}"
        raise Fault(Kind.INVALID, "file-unwritable", detail) from error
    return {"file": str(path), "size_bytes": size}


def _is_file(path: Path) -> bool:
    """Return whether *path* is a file, or can be one: a pipe or a device has nothing to lose."""
    return path.is_file() or not path.exists()


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Yield a file beside *path* that takes its place when all went well."""
    target = path.resolve()
    draft = target.with_name(f".gateway-{SystemClock().uuid()}")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> int:
    size = 0
    with path.open("wb") as file:
        async for piece in pieces:
            size += file.write(piece)
    return size
