"""`gateway db upgrade` and `restored`, on a database of its own and on the gateway's own server."""

import asyncpg
import pytest

from gateway.store.keys import find_api_key
from gateway.store.pool import Database
from gateway.web.security import hash_api_key
from tests.support.command import run_beside


@pytest.fixture(autouse=True)
def empty_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_STAGE", "sandbox")
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
async def empty_dsn(postgres):
    fresh = await postgres.create_database(template="template0")
    yield fresh
    await postgres.drop_database(fresh)


async def test_an_empty_database_is_brought_up_to_date_once(empty_dsn, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", empty_dsn)
    first = await run_beside(capsys, "db", "upgrade", "--json")
    assert first.code == 0
    assert len(first.facts["applied"]) >= 5
    assert first.facts["api_key_file"] is None
    again = await run_beside(capsys, "db", "upgrade")
    assert (again.code, again.out.strip()) == (0, "nothing to apply")


async def test_with_a_country_the_first_key_is_made(empty_dsn, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", empty_dsn)
    monkeypatch.setenv("GATEWAY_COUNTRY", "BE")
    ended = await run_beside(capsys, "db", "upgrade", "--json")
    path = tmp_path / "data" / "api-key"
    assert ended.facts["api_key_file"] == str(path)
    database = await Database.open(empty_dsn)
    try:
        assert await find_api_key(database, hash_api_key(path.read_text().strip())) is not None
    finally:
        await database.close()


async def test_without_an_address_the_gateways_own_server_is_used(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    ended = await run_beside(capsys, "db", "upgrade", "--json")
    assert ended.code == 0
    assert (tmp_path / "data" / "postgres").is_dir()


async def test_a_database_that_is_not_there_is_a_temporary_failure(capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    ended = await run_beside(capsys, "db", "upgrade", "--json")
    assert (ended.code, ended.facts["code"]) == (3, "unavailable")


async def test_a_database_that_could_lose_commits_is_refused(empty_dsn, capsys, monkeypatch):
    name = empty_dsn.rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    monkeypatch.setenv("DATABASE_URL", empty_dsn)
    ended = await run_beside(capsys, "db", "upgrade", "--json")
    assert (ended.code, ended.facts["code"]) == (1, "database-unusable")
    assert "synchronous_commit" in ended.err


async def test_a_database_that_was_put_back_begins_an_era_each_time_it_is_said(
    empty_dsn, capsys, monkeypatch
):
    monkeypatch.setenv("DATABASE_URL", empty_dsn)
    first = await run_beside(capsys, "db", "restored", "--json")
    assert (first.code, first.facts["era"]) == (0, 1)
    again = await run_beside(capsys, "db", "restored")
    assert again.out.splitlines()[-1] == ("the feed goes on in era 2, behind all that was shown")
