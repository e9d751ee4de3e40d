"""Fixtures that need set-up and tear-down: a real database, and the place of captured data."""

import os
from pathlib import Path

import pytest

from gateway.store.pool import Database
from tests.support.database import TestServer


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    server = TestServer((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def dsn(postgres):
    fresh = await postgres.create_database()
    yield fresh
    await postgres.drop_database(fresh)


@pytest.fixture
async def database(dsn):
    db = await Database.open(dsn)
    yield db
    await db.close()


@pytest.fixture
def test_data():
    folder = os.environ.get("PEPPOL_TEST_DATA")
    if not folder:
        give_up = pytest.fail if os.environ.get("PEPPOL_TEST_REQUIRE") == "1" else pytest.skip
        give_up("PEPPOL_TEST_DATA does not name the folder of captured messages and rule files")
    return Path(folder)
