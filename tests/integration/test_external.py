"""A server of the operator's: its user is no superuser, and what it refuses is told in full."""

import asyncio
import struct
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import pytest

from gateway.store.documents import insert_document
from gateway.store.jobs import Job, enqueue
from gateway.store.migrate import upgrade
from gateway.store.pool import Database, assert_durable
from tests.support.command import run_beside
from tests.support.database import schema_of
from tests.support.external import (
    OLDER,
    PASSWORD,
    ROLES,
    ExternalServer,
    a_site,
    execute,
    free_port,
)
from tests.support.store import a_document, a_dossier

WRONG = "wr0ng.password"


@contextmanager
def running(folder, binaries):
    server = ExternalServer(folder, binaries=binaries)
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("newest"), None) as newest:
        yield newest


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    with running(tmp_path_factory.mktemp("older"), OLDER) as server:
        yield server


@pytest.fixture(params=["server", "older"])
def each_server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
async def site(each_server):
    async with a_site(each_server) as made:
        yield made


@asynccontextmanager
async def opened(url):
    database = await Database.open(url)
    try:
        yield database
    finally:
        await database.close()


async def make_roles(server, user):
    made = (f"CREATE ROLE {role} NOLOGIN" for role in ROLES)
    await execute(server.dsn, *made, f"GRANT {', '.join(ROLES)} TO {user}")


async def test_a_user_without_superuser_rights_migrates_once_to_the_same_schema(site, dsn):
    assert len(await upgrade(site.url)) > 1
    assert await upgrade(site.url) == []
    ours, theirs = [await asyncpg.connect(each) for each in (site.url, dsn)]
    try:
        assert await schema_of(ours) == await schema_of(theirs)
    finally:
        await ours.close()
        await theirs.close()


async def test_row_security_holds_for_it(site):
    await upgrade(site.url)
    async with opened(site.url) as database:
        await assert_durable(database)
        ours, theirs = await a_dossier(database), await a_dossier(database)
        for dossier in (ours, theirs):
            async with database.transaction(dossier) as tx:
                await insert_document(tx, a_document())
        async with database.transaction(ours) as tx:
            seen = await tx.connection.fetch("SELECT dossier_id FROM documents")
            assert [row["dossier_id"] for row in seen] == [ours]


async def test_a_worker_is_woken_when_a_job_commits(site):
    await upgrade(site.url)
    woken = asyncio.Event()
    async with opened(site.url) as database:
        listener = await asyncpg.connect(site.url, server_settings={"role": "gateway_app"})
        try:
            await listener.add_listener("ch_pgqueuer", lambda *_: woken.set())
            async with database.transaction(await a_dossier(database)) as tx:
                await enqueue(tx, Job.SEND_DOCUMENT, {"documents": []})
            async with asyncio.timeout(30):
                await woken.wait()
        finally:
            await listener.close()


async def test_a_user_who_may_make_no_roles_works_under_those_that_were_made_for_it(server):
    async with a_site(server, attributes="NOCREATEROLE") as site:
        await make_roles(server, site.user)
        await upgrade(site.url)
        async with opened(site.url) as database:
            await assert_durable(database)


async def upgraded(capsys, monkeypatch, tmp_path, url):
    """Run `gateway db upgrade` on *url*: exit code, code, and what it said without a password."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_STAGE", "sandbox")
    monkeypatch.setenv("DATABASE_URL", url)
    ended = await run_beside(capsys, "db", "upgrade", "--json")
    for secret in (PASSWORD, url.partition("@")[0].rpartition(":")[2]):
        assert secret not in ended.out + ended.err
    return ended.code, ended.facts["code"], ended.err


@pytest.fixture
def told(capsys, monkeypatch, tmp_path):
    async def run(url):
        return await upgraded(capsys, monkeypatch, tmp_path, url)

    return run


async def test_a_wrong_password_and_a_missing_database_are_told(server, told):
    async with a_site(server) as site:
        wrong = server.address(site.user, site.database, WRONG)
        missing = server.address(site.user, "nowhere")
        for url, todo in ((wrong, "correct its user"), (missing, "create it")):
            code, name, words = await told(url)
            assert (code, name) == (1, "database-unusable")
            assert words.startswith("database_url (DATABASE_URL) cannot be used: ")
            assert todo in words


async def test_a_user_who_may_not_make_tables_or_roles_is_told_who_may(server, told):
    async with a_site(server, attributes="NOCREATEROLE") as site:
        code, name, words = await told(site.url)
        assert (code, name) == (1, "database-unusable")
        assert "CREATEROLE" in words
        assert "GRANT gateway_app, gateway_exchange TO" in words
    async with a_site(server, owns=False) as site:
        await execute(server.dsn_of(site.database), "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        code, name, words = await told(site.url)
        assert (code, name) == (1, "database-unusable")
        assert "ALTER DATABASE" in words


async def test_a_user_who_lost_our_roles_is_told_how_to_get_them_back(server, told):
    async with a_site(server, attributes="NOCREATEROLE") as site:
        await make_roles(server, site.user)
        await upgrade(site.url)
        await execute(server.dsn, f"REVOKE {', '.join(ROLES)} FROM {site.user}")
        code, name, words = await told(site.url)
        assert (code, name) == (1, "database-unusable")
        assert "GRANT gateway_app, gateway_exchange TO" in words


async def test_a_backup_restored_where_our_roles_are_not_is_told(server, told):
    async with a_site(server) as site:
        await upgrade(site.url)
        for role in ROLES:
            await execute(
                server.dsn_of(site.database), f"DROP OWNED BY {role}", f"DROP ROLE {role}"
            )
        code, name, words = await told(site.url)
        assert (code, name) == (1, "database-unusable")
        assert "make the roles before a backup is restored" in words


async def test_a_server_that_takes_no_writes_is_told(server, told):
    async with a_site(server) as site:
        read_only = "SET default_transaction_read_only = on"
        await execute(server.dsn, f"ALTER DATABASE {site.database} {read_only}")
        code, name, words = await told(site.url)
        assert (code, name) == (1, "database-unusable")
        assert "takes writes" in words


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://peppol:wr0ng/password@127.0.0.1:1/peppol",
        "postgresql://peppol:wr0ng#password@127.0.0.1:1/peppol",
        "postgresql://peppol:wr0ng@[password@127.0.0.1/peppol",
        "mysql://peppol:wr0ng.password@127.0.0.1:1/peppol",
        "postgresql://peppol:wr0ng.password@127.0.0.1:1/peppol?sslmode=maybe",
    ],
)
async def test_an_address_that_is_none_is_told_without_its_password(told, url):
    code, name, words = await told(url)
    assert (code, name) == (1, "database-unusable")
    assert "postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in words
    assert "wr0ng" not in words
    assert "password@" not in words


async def test_a_server_that_is_away_is_a_temporary_failure(told):
    url = f"postgresql://peppol:{WRONG}@127.0.0.1:{free_port()}/peppol"
    code, name, words = await told(url)
    assert (code, name) == (3, "unavailable")
    assert "database_url (DATABASE_URL)" in words


async def as_an_old_server(reader, writer):
    """Say of itself what a server of PostgreSQL 12 says to a client that begins."""
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    await reader.readexactly(length - 4)
    status = b"server_version\x0012.22\x00"
    for kind, content in (
        (b"R", struct.pack(">i", 0)),
        (b"S", status),
        (b"K", struct.pack(">ii", 1, 1)),
        (b"Z", b"I"),
    ):
        writer.write(kind + struct.pack(">i", len(content) + 4) + content)
    await writer.drain()
    await reader.readexactly(5)  # it takes its leave
    writer.close()


async def test_a_server_that_is_too_old_is_told_with_the_version_we_need(told):
    async with await asyncio.start_server(as_an_old_server, "127.0.0.1", 0) as old:
        port = old.sockets[0].getsockname()[1]
        url = f"postgresql://peppol:{WRONG}@127.0.0.1:{port}/peppol?sslmode=disable"
        code, name, words = await told(url)
    assert (code, name) == (1, "database-unusable")
    assert "PostgreSQL 12; use 15 or later" in words
