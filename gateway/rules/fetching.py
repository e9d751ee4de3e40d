"""Fetch an artefact of a registry with the registry's own client.

Maven and pip are run as programs, so that proxies, mirrors and credentials are those that they are
configured with.  pip runs in a virtual environment of its own, and is given the hash beforehand:
it reads the metadata of a source archive by running its build, which nobody has checked before.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.errors import Fault, Kind, Unavailable
from gateway.rules.catalogue import Artefact, Client

ARTEFACT_BYTES_MAX = 64 << 20  # LIMIT: a downloaded artefact; the largest has 6.6 MB.
FETCH_SECONDS_MAX = 300  # LIMIT: one download; Maven took 34 s with nothing cached.

_TAIL_CHARS = 600


def is_available(client: Client) -> bool:
    """Say whether *client* can be run here; pip comes with Python."""
    return client is Client.PIP or shutil.which(client.value) is not None


def fetch(artefact: Artefact, folder: Path, say: Callable[[str], None]) -> bytes:
    """Return the content of *artefact*, downloaded through the empty *folder*.

    *say* is told what takes long.  Raises Unavailable where the client fails, and Fault where the
    content has not the pinned hash.
    """
    say(f"{artefact.client}: fetching {artefact.coordinates}")
    run = _run_maven if artefact.client is Client.MAVEN else _run_pip
    run(artefact, folder)
    return read_artefact(folder / artefact.file_name, artefact)


def read_artefact(path: Path, artefact: Artefact) -> bytes:
    """Return the content of *path*, or raise Fault unless it is *artefact* by its hash."""
    data = read_bounded(path)
    found = hashlib.sha256(data).hexdigest()
    if found != artefact.sha256:
        detail = (
            f"{path.name} is not {artefact.source}: its sha256 is {found}, not {artefact.sha256}"
        )
        raise Fault(Kind.INVALID, "wrong-hash", detail)
    return data


def read_bounded(path: Path) -> bytes:
    """Return the content of *path*, or raise Fault where it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(ARTEFACT_BYTES_MAX + 1)
    except OSError as error:
        detail = f"{path} cannot be read: {error.strerror}"
        raise Fault(Kind.NOT_FOUND, "no-such-file", detail) from error
    if len(data) > ARTEFACT_BYTES_MAX:
        detail = f"{path} is larger than {ARTEFACT_BYTES_MAX} bytes"
        raise Fault(Kind.TOO_LARGE, "too-large", detail)
    return data


def _run_maven(artefact: Artefact, folder: Path) -> None:
    maven = shutil.which(Client.MAVEN.value)
    if maven is None:
        raise Unavailable("Maven is not installed")
    copy = ("-q", "-B", "dependency:copy", f"-Dartifact={artefact.coordinates}")
    _run([maven, *copy, f"-DoutputDirectory={folder}"], folder)


def _run_pip(artefact: Artefact, folder: Path) -> None:
    environment = folder / "venv"
    try:
        venv.create(environment, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = "no virtual environment can be made (on Debian and Ubuntu: python3-venv)"
        raise Unavailable(detail) from error
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{artefact.coordinates} --hash=sha256:{artefact.sha256}\n")
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    options = ("--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2")
    download = ("download", *options, "--no-deps", "--no-binary", artefact.id, "--dest", ".")
    _run([str(python), "-m", "pip", *download, "--requirement", requirement.name], folder)


def _run(command: Sequence[str], folder: Path) -> None:
    """Run *command* in *folder*; raise Unavailable with the end of what it said if it fails."""
    try:
        ended = subprocess.run(  # noqa: S603 - the clients of the registries, with pinned names
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{Path(command[0]).name} did not end well: {error}") from error
    if ended.returncode != 0:
        said = ended.stdout.decode("utf-8", "replace").strip()[-_TAIL_CHARS:]
        raise Unavailable(f"{Path(command[0]).name} failed: {said}")
