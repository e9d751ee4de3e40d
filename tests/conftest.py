"""Fixtures that need set-up and tear-down: a real database, and the place of captured data."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from gateway.store.pool import Database
from tests.support import awkwardness
from tests.support.database import TestServer
from tests.support.scratch import scratch_folder


def pytest_configure():
    """Give the processes of this run one place, and a folder there for compiled rules."""
    awkwardness.settle_seed()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        tempfile.tempdir = os.environ["TMPDIR"] = str(scratch_folder())
        rules = tempfile.mkdtemp(prefix="compiled-")
        # What one gateway of this run compiled the others need not, whoever starts them.
        os.environ["PEPPOL_TEST_RULES"] = os.environ["GATEWAY_RULES_DIR"] = rules


def pytest_report_header():
    return awkwardness.describe()


def pytest_terminal_summary(terminalreporter):
    """Name the seed beside what failed, also where no header was printed."""
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(awkwardness.describe())


def pytest_unconfigure():
    if "PYTEST_XDIST_WORKER" not in os.environ:
        del os.environ["GATEWAY_RULES_DIR"]
        shutil.rmtree(os.environ.pop("PEPPOL_TEST_RULES"), ignore_errors=True)


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
