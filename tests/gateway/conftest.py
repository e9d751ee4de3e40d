"""Fixtures of many files: an API with a client of it, and a sender with its access point."""

import pytest

from tests.support.api import SENDER, run_api
from tests.support.sending import AccessPoint, a_sender, access_points


@pytest.fixture
async def api(database, tmp_path):
    async with run_api(database, tmp_path, document_bytes_max=4_000_000) as running:
        yield running


@pytest.fixture
async def client(api):
    async with api.client() as connected:
        yield connected


@pytest.fixture
async def registered(client):
    """The participant who sends the documents of the tests takes part."""
    await client.register_participant(SENDER)


@pytest.fixture
async def receiver():
    point = AccessPoint()
    async with access_points(point):
        yield point


@pytest.fixture
async def sender(database, tmp_path, receiver):
    async with a_sender(database, tmp_path, receiver) as sender:
        yield sender
