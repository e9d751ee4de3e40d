"""The embedded server: as root, after a crash, started twice, in awkward places."""

import asyncio
import os
import shutil
import signal
import stat
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from gateway.store import privileges
from gateway.store.binaries import choose_binaries
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.errors import CannotStartPostgres
from gateway.store.privileges import Way

GONE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""What the driver may say of a server that was killed."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop privileges")


@asynccontextmanager
async def started(folder, **options):
    server = EmbeddedPostgres(folder, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def ask(server, query):
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def uid_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("Uid:")[2].split()[0])


async def namespaces_allowed():
    """Whether this machine lets us make user namespaces; containers often do not."""
    probe = await asyncio.create_subprocess_exec("unshare", "--user", "true")
    return await probe.wait() == 0


@pytest.fixture
def reachable():
    """A folder that every user can enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_the_server_is_durable_checks_its_pages_and_listens_on_its_socket_alone(tmp_path):
    async with started(tmp_path) as server:
        connection = await asyncpg.connect(server.dsn)
        settings = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in (
                "fsync",
                "full_page_writes",
                "synchronous_commit",
                "data_checksums",
                "listen_addresses",
                "lc_messages",
                "server_encoding",
            )
        }
        await connection.close()
        [socket] = [path for path in server.socket_folder.iterdir() if path.is_socket()]
        assert settings == {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "lc_messages": "C",
            "server_encoding": "UTF8",
        }
        assert mode(socket) == 0o700
        assert mode(server.socket_folder) == mode(server.data) == 0o700


async def test_settings_in_its_own_files_cannot_make_it_forget(tmp_path):
    async with started(tmp_path) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.close()
    async with started(tmp_path) as server:
        assert await ask(server, "SHOW fsync") == "on"


@as_root
async def test_root_below_a_private_folder_changes_no_foreign_permission(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    before = [(path, mode(path), path.stat().st_uid) for path in (private, tmp_path, Path("/root"))]

    async with started(private / "data") as server:
        assert await ask(server, "SELECT 1") == 1
        assert mode(private / "data" / "postgres") == 0o700
        assert server.data.is_relative_to(private) or not await namespaces_allowed()

    assert before == [(path, mode(path), path.stat().st_uid) for path, *_ in before]


@as_root
async def test_binaries_below_a_private_folder_work_too(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    wheel = choose_binaries(tmp_path).folder.parents[1]
    for folder in (wheel, wheel.with_name(wheel.name + ".libs")):
        shutil.copytree(folder, private / folder.name, copy_function=_link)
    binaries = private / wheel.name / "pginstall18" / "bin"

    async with started(tmp_path / "data", binaries=binaries) as server:
        assert await ask(server, "SELECT 1") == 1


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@as_root
async def test_without_namespaces_root_runs_it_as_another_user(reachable):
    async with started(reachable, ways=(Way.USER,)) as server:
        assert await ask(server, "SELECT 1") == 1
        assert uid_of(server.postmaster()) != 0
    # The same data, run the other way: what is the store's own changes hands.
    async with started(reachable) as server:
        assert await ask(server, "SELECT 1") == 1


@as_root
async def test_what_that_user_cannot_reach_moves_and_the_log_says_so(
    tmp_path, reachable, monkeypatch, caplog
):
    monkeypatch.setattr(privileges, "REACHABLE", reachable)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    async with started(private, ways=(Way.USER,)) as server:
        await ask(server, "CREATE TABLE kept (n int)")
        assert uid_of(server.postmaster()) != 0
    assert f"live in {reachable}" in caplog.text
    assert mode(private) == 0o700
    assert (private / "postgres" / "data").readlink().is_relative_to(reachable)
    async with started(private) as server:
        assert await ask(server, "SELECT count(*) FROM kept") == 0


@as_root
async def test_data_that_moved_can_be_discarded_with_all_that_came_along(
    tmp_path, reachable, monkeypatch
):
    monkeypatch.setattr(privileges, "REACHABLE", reachable)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    before = set(reachable.iterdir())
    async with started(private, ways=(Way.USER,)) as server:
        assert set(reachable.iterdir()) > before
    server.discard()
    assert set(reachable.iterdir()) == before
    assert not server.socket_folder.exists()


@as_root
async def test_data_that_cannot_be_reached_any_more_are_not_left_behind(
    tmp_path, reachable, monkeypatch
):
    monkeypatch.setattr(privileges, "REACHABLE", reachable)
    async with started(tmp_path):
        pass
    with pytest.raises(CannotStartPostgres, match="move it to"):
        await EmbeddedPostgres(tmp_path, ways=(Way.USER,)).start()


@as_root
async def test_with_no_way_left_root_is_told(tmp_path):
    with pytest.raises(CannotStartPostgres, match="does not run as root"):
        await EmbeddedPostgres(tmp_path, ways=()).start()


async def test_a_kill_with_busy_backends_loses_nothing_acknowledged(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    await ask(server, "CREATE TABLE kept (n int PRIMARY KEY)")
    acknowledged, busy = [], asyncio.Event()

    async def write(first):
        connection = await asyncpg.connect(server.dsn)
        with suppress(*GONE):
            for n in range(first, first + 100_000):
                await connection.execute("INSERT INTO kept VALUES ($1)", n)
                acknowledged.append(n)
                if len(acknowledged) == 200:
                    busy.set()

    async def sleep():
        with suppress(*GONE):
            await ask(server, "SELECT pg_sleep(30)")

    async with asyncio.TaskGroup() as group:
        for first in (0, 1_000_000):
            group.create_task(write(first))
        group.create_task(sleep())
        await busy.wait()
        server.kill()
        await server.start()

    try:
        connection = await asyncpg.connect(server.dsn)
        kept = {row["n"] for row in await connection.fetch("SELECT n FROM kept")}
        await connection.close()
    finally:
        await server.stop()
    assert len(acknowledged) >= 200
    assert set(acknowledged) <= kept


async def test_two_that_start_at_once_share_one_server_and_the_last_stops_it(tmp_path):
    first, second = EmbeddedPostgres(tmp_path), EmbeddedPostgres(tmp_path)
    async with asyncio.TaskGroup() as group:
        group.create_task(first.start())
        group.create_task(second.start())
    pid = first.postmaster()
    assert pid == second.postmaster()
    assert sorted((first.alone, second.alone)) == [False, True]

    await first.stop()
    assert second.postmaster() == pid
    assert await ask(second, "SELECT 1") == 1
    await second.stop()
    assert second.postmaster() is None


async def test_the_server_of_a_killed_gateway_is_adopted(tmp_path):
    program = (
        "import asyncio, os, sys; from pathlib import Path;"
        "from gateway.store.embedded import EmbeddedPostgres as E;"
        "asyncio.run(E(Path(sys.argv[1])).start()); os.kill(os.getpid(), 9)"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, tmp_path)
    assert await killed.wait() == -signal.SIGKILL
    server = EmbeddedPostgres(tmp_path)
    orphan = server.postmaster()
    assert orphan is not None

    async with started(tmp_path) as server:
        assert server.postmaster() == orphan
        assert server.alone
    assert server.postmaster() is None


async def test_a_pid_file_that_names_a_stranger_does_not_stop_it(tmp_path):
    async with started(tmp_path) as server:
        left = (server.data / "postmaster.pid").read_text()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        _, _, rest = left.partition("\n")
        (server.data / "postmaster.pid").write_text(f"{stranger.pid}\n{rest}")
        assert server.postmaster() is None
        async with started(tmp_path) as server:
            assert await ask(server, "SELECT 1") == 1
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize("name", ["x" * 90, "with, comma"])
async def test_a_folder_whose_path_fits_no_socket_gets_one_elsewhere(tmp_path, name):
    async with started(tmp_path / name) as server:
        assert server.socket_folder.parent == Path("/tmp")
        assert mode(server.socket_folder) == 0o700
        assert await ask(server, "SELECT 1") == 1
    assert not server.socket_folder.exists()


async def test_a_socket_folder_that_somebody_else_made_is_refused(tmp_path):
    server = EmbeddedPostgres(tmp_path / ("x" * 90))
    server.socket_folder.symlink_to(tmp_path)
    try:
        with pytest.raises(CannotStartPostgres, match="not a folder of ours"):
            await server.start()
    finally:
        server.socket_folder.unlink()


async def test_an_interrupted_first_start_is_begun_anew(tmp_path):
    leftover = tmp_path / "postgres" / "data.new"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    async with started(tmp_path) as server:
        assert await ask(server, "SELECT 1") == 1
    assert not leftover.exists()


async def test_what_the_server_says_when_it_cannot_start_is_passed_on(tmp_path):
    async with started(tmp_path) as server:
        pass
    (server.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(CannotStartPostgres, match="no_such_setting"):
        await EmbeddedPostgres(tmp_path).start()


def test_data_are_opened_by_their_own_major_version(tmp_path):
    (tmp_path / "PG_VERSION").write_text("16\n")
    assert choose_binaries(tmp_path).major == "16"
    (tmp_path / "PG_VERSION").write_text("18\n")
    newer = choose_binaries(tmp_path)
    assert newer.major == "18"
    (tmp_path / "PG_VERSION").write_text("16\n")
    with pytest.raises(CannotStartPostgres, match=r"no PostgreSQL 16 .*found: 18 in"):
        choose_binaries(tmp_path, newer.folder)
    with pytest.raises(CannotStartPostgres, match="found: none"):
        choose_binaries(tmp_path, tmp_path)
