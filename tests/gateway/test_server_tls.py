"""TLS of our own endpoint, seen by `openssl s_client`."""

import asyncio
import contextlib
import shutil
import ssl
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from aiohttp import web
from yarl import URL

from gateway.app.listening import ServerTls
from gateway.app.reloading import Reminder, Watched, keep_fresh
from gateway.app.startup import check_settings
from gateway.sandbox.loopback import serve_application
from gateway.sandbox.pki import issue_tls, write_identity
from gateway.settings import BadSettings, Settings
from gateway.trust.keyfolder import KeyFolder
from tests.support.gateways import write_settings
from tests.support.handshakes import certificate_at, handshake, openssl
from tests.support.pki import pki
from tests.support.reception import FixedClock


@cache
def tls_identity(name):
    return issue_tls(pki(), [name, "127.0.0.1"], now=datetime.now(UTC))


@pytest.fixture
def files(tmp_path):
    return write_identity(tls_identity("first.example"), tmp_path, "tls")


@contextlib.asynccontextmanager
async def listening(tls):
    """A server with *tls* that answers every request."""

    async def hello(_):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    async with serve_application(app, tls=tls.context) as address:
        yield URL(address).port


@pytest.mark.parametrize("flags", [("-noservername",), ("-servername", "first.example")])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_new_handshakes_show_the_new_certificate_and_old_connections_stay(
    tmp_path, files, flags, version
):
    tls = ServerTls(*files)
    async with listening(tls) as port:
        assert (
            await certificate_at(port, version, *flags) == tls_identity("first.example").certificate
        )
        context = ssl.create_default_context(cadata=pki().tls_ca.certificate_pem.decode())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="first.example"
        )
        write_identity(tls_identity("second.example"), tmp_path, "tls")
        assert tls.reload()

        assert (
            await certificate_at(port, version, *flags)
            == tls_identity("second.example").certificate
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()


async def test_a_reload_of_the_same_files_changes_nothing(files):
    assert not ServerTls(*files).reload()


@pytest.mark.parametrize("fault", ["key-of-another", "no-pem", "gone", "encrypted"])
async def test_a_broken_pair_is_refused_and_the_old_one_stays(tmp_path, files, fault, caplog):
    certificate, key = files
    tls = ServerTls(*files)
    watched = Watched("TLS certificate", lambda: tls.files, lambda: str(tls.reload()))
    watched.look()
    caplog.clear()
    async with listening(tls) as port:
        break_pair(tmp_path, certificate, key, fault)
        for _ in range(3):
            watched.look()
        refusals = [r for r in caplog.records if "the old stays in use" in r.message]
        assert len(refusals) == 1
        assert str(key) in refusals[0].why

        assert await certificate_at(port) == tls_identity("first.example").certificate
        write_identity(tls_identity("second.example"), tmp_path, "tls")
        watched.look()
        assert await certificate_at(port) == tls_identity("second.example").certificate


def break_pair(folder, certificate, key, fault):
    if fault == "key-of-another":
        shutil.copy(write_identity(tls_identity("second.example"), folder, "other")[1], key)
    elif fault == "no-pem":
        certificate.write_text("half a certifi")
    elif fault == "gone":
        key.unlink()
    else:
        locked = openssl("pkey", "-in", key, "-aes128", "-passout", "pass:secret")
        key.write_bytes(locked)


@pytest.mark.parametrize("fault", ["key-of-another", "no-pem", "gone", "encrypted"])
def test_a_broken_pair_stops_the_start(tmp_path, files, fault):
    certificate, key = files
    break_pair(tmp_path, certificate, key, fault)
    settings = Settings.load(
        {},
        {},
        write_settings(
            tmp_path,
            public_tls_certificate_file=str(certificate),
            public_tls_key_file=str(key),
        ),
    )
    with pytest.raises(BadSettings, match="TLS key"):
        check_settings(settings)


@pytest.mark.parametrize(("version", "works"), [("-tls1_1", False), ("-tls1_2", True)])
async def test_what_is_older_than_tls_1_2_gets_no_connection(files, version, works):
    """[PEPPOL-AS4 §2.2.2]"""
    async with listening(ServerTls(*files)) as port:
        _, said = await handshake(port, version, "-cipher", "ALL:@SECLEVEL=0")
        assert ("Verify return code" in said and "Cipher is (NONE)" not in said) is works, said


async def test_files_are_looked_at_again_by_themselves_and_when_asked(monkeypatch):
    looks = []
    monkeypatch.setattr("gateway.app.reloading.LOOK_SECONDS", 0.05)
    watched = Watched("x", list, lambda: looks.append(1) or "")
    ending, asked = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(keep_fresh([watched], ending, asked))
        await asyncio.sleep(0.3)
        assert looks == []
        asked.set()
        await asyncio.sleep(0.3)
        assert looks == [1]
        ending.set()


def test_a_folder_that_cannot_be_read_is_named_once_and_ends_nothing(tmp_path, caplog):
    (tmp_path / "keys").write_text("a file where the folder should be")
    folder = KeyFolder(tmp_path / "keys")
    watched = Watched("AP keys", folder.watched, lambda: str(folder.previous()))
    for _ in range(3):
        watched.look()
    assert [r.message for r in caplog.records] == ["not taken up, the old stays in use"]


def test_a_file_that_is_replaced_removed_or_made_is_noticed(tmp_path):
    file, taken = tmp_path / "key", []
    watched = Watched("x", lambda: [file], lambda: taken.append(1) or "")
    watched.look()
    for change in (
        lambda: file.write_text("one"),
        lambda: file.write_text("two"),
        lambda: (tmp_path / "new").write_text("two") and (tmp_path / "new").replace(file),
        file.unlink,
    ):
        before = len(taken)
        change()
        watched.look()
        watched.look()
        assert len(taken) == before + 1


def test_near_its_end_a_certificate_is_named_in_the_log_once_a_day(caplog):
    clock = FixedClock()
    reminder = Reminder(clock, lambda now: [f"it expires, on {now:%d}"])
    for hours in (0, 1, 22, 2, 1):
        clock.instant += timedelta(hours=hours)
        reminder.look(force=True)
    said = [r.why for r in caplog.records if r.levelname == "WARNING"]
    assert said == ["it expires, on 15", "it expires, on 16"]
