"""The archive: kept means on the disk, and what was not kept goes."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.store import archive as archive_module
from gateway.store.archive import Archive
from gateway.store.documents import insert_document
from gateway.store.leftovers import sweep_archive
from gateway.store.messages import insert_sealed, receive_batch
from tests.support.store import (
    CLOCK,
    a_document,
    a_dossier,
    a_sealed_row,
    a_sealed_wire,
    an_inbound_row,
)


def unique():
    return CLOCK.uuid().hex


async def keep(archive, *chunks):
    spool = archive.open_spool(unique())
    for chunk in chunks:
        spool.write(chunk)
    return await spool.keep()


async def read(archive, name, *span):
    return b"".join([chunk async for chunk in archive.read(name, *span)])


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_kept_body_is_read_again_whole_or_in_part(tmp_path):
    archive = Archive(tmp_path)
    body = os.urandom(700_000)
    name = await keep(archive, body[:10], body[10:])

    assert await read(archive, name) == body
    assert await read(archive, name, 5, 20) == body[5:25]
    assert await read(archive, name, 699_990, 100) == body[699_990:]
    assert archive.size(name) == 700_000
    assert archive.names() == [name]
    archive.delete(name)
    archive.delete(name)
    assert archive.size(name) is None
    assert archive.names() == []


async def test_files_are_for_their_owner_alone(tmp_path):
    folder = tmp_path / "archive"
    archive = Archive(folder)
    spool = archive.open_spool(unique())
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    await spool.keep()
    for path in (folder, *folder.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected


async def test_a_body_is_on_the_disk_before_its_name_and_its_name_before_keep_returns(
    tmp_path, monkeypatch
):
    archive = Archive(tmp_path)
    spool = archive.open_spool(unique())
    spool.write(b"body")
    steps = []
    fsync, rename = os.fsync, Path.rename

    def recording_fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        size = path.stat().st_size if path.is_file() else None
        steps.append(("sync", path, size))
        fsync(descriptor)

    def recording_rename(path, target):
        steps.append(("rename", path, target))
        return rename(path, target)

    monkeypatch.setattr(archive_module.os, "fsync", recording_fsync)
    monkeypatch.setattr(Path, "rename", recording_rename)
    spooled = spool.path
    name = await spool.keep()

    kept = tmp_path / "kept" / name[-2:] / name
    assert steps == [
        ("sync", spooled, 4),
        ("rename", spooled, kept),
        ("sync", kept.parent, None),
        ("sync", kept.parent.parent, None),
    ]


async def test_a_discarded_body_leaves_nothing_and_a_kept_one_cannot_be_discarded(tmp_path):
    archive = Archive(tmp_path)
    spool = archive.open_spool(unique())
    spool.write(b"x")
    spool.discard()
    spool.discard()
    assert files_below(tmp_path) == []

    kept = archive.open_spool(unique())
    name = await kept.keep()
    kept.discard()
    assert archive.names() == [name]


async def test_what_is_written_can_be_read_a_second_time_before_it_is_kept(tmp_path):
    spool = Archive(tmp_path).open_spool(unique())
    spool.write(b"body")
    spool.flush()
    assert spool.path.read_bytes() == b"body"
    assert spool.written == 4
    spool.discard()


async def test_leavings_of_a_killed_process_go_at_start_and_those_of_a_living_one_stay(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from gateway.store.archive import Archive;"
        "spool = Archive(Path(sys.argv[1])).open_spool('0' * 32); spool.write(b'x' * 1000000);"
        "os.kill(os.getpid(), 9)"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, tmp_path)
    await killed.wait()
    assert len(files_below(tmp_path)) == 1
    archive = Archive(tmp_path)
    living = archive.open_spool(unique())
    kept = await keep(archive, b"kept")

    assert Archive(tmp_path).sweep_leftovers() == 1

    assert files_below(tmp_path / "spool") == [living.path]
    assert archive.names() == [kept]
    living.discard()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a", "0" * 7, "0000000/0", "0000000.0"])
async def test_a_name_cannot_lead_out_of_the_folder(tmp_path, name):
    archive = Archive(tmp_path)
    with pytest.raises(ValueError, match="not a name in the archive"):
        archive.open_spool(name)
    with pytest.raises(ValueError, match="not a name in the archive"):
        await read(archive, name)


async def test_a_disk_that_takes_nothing_is_unavailable(tmp_path):
    archive = Archive(tmp_path)
    (tmp_path / "spool").rmdir()
    with pytest.raises(Unavailable):
        archive.open_spool(unique())
    with pytest.raises(Unavailable):
        await read(archive, unique())


async def test_a_full_disk_is_unavailable(tmp_path, monkeypatch):
    archive = Archive(tmp_path)
    spool = archive.open_spool(unique())
    spool.write(b"x")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_module.os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        await spool.keep()
    spool.discard()
    assert files_below(tmp_path) == []


def write_and_flush(spool, data):
    spool.write(data)
    spool.flush()


def fill_the_disk(spool):
    """Let *spool* write where there is no room."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, spool._file.fileno())
    os.close(full)


@pytest.mark.parametrize("size", [10, archive_module.CHUNK_BYTES + 1])
async def test_what_a_full_disk_did_not_take_is_discarded_all_the_same(tmp_path, size):
    spool = Archive(tmp_path).open_spool(unique())
    fill_the_disk(spool)
    with pytest.raises(Unavailable, match="No space left"):
        write_and_flush(spool, bytes(size))

    spool.discard()

    assert [path for path in files_below(tmp_path) if path.name != ".now"] == []


async def test_kept_files_that_no_row_names_go_and_all_others_stay(database, tmp_path):
    archive = Archive(tmp_path)
    inbound, outbound, content, forgotten = [await keep(archive, b"x") for _ in range(4)]
    dossier = await a_dossier(database)
    async with database.exchange_statements() as xtx:
        await receive_batch(xtx, [an_inbound_row(dossier, wire=None, wire_file=inbound)])
    document = a_document(content=None, content_file=content)
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        body = a_sealed_wire(wire=None, wire_file=outbound)
        await insert_sealed(tx, [a_sealed_row(document.id, body=body)])

    assert await sweep_archive(database, archive) == 0
    assert forgotten in archive.names()
    assert await sweep_archive(database, archive, idle_seconds=0) == 1
    assert archive.names() == sorted([inbound, outbound, content])
