"""The embedded database dies under a running gateway: nothing is lost, and nobody has to come."""

import asyncio
import os
import signal

import pytest

from gateway.store.embedded import EmbeddedPostgres
from tests.support.gateways import until
from tests.support.hostile import a_good_message, a_target

pytestmark = pytest.mark.system

BACK_SECONDS_MAX = 60


@pytest.mark.parametrize("flags", [(), ("--processes", "2")], ids=["alone", "supervised"])
async def test_a_database_that_is_killed_comes_back_and_messages_are_received_again(
    tmp_path, flags
):
    async with a_target(tmp_path, *flags) as target:
        await target.deliver_a_good_one()
        server = EmbeddedPostgres(tmp_path / "data")
        killed = server.postmaster()

        os.kill(killed, signal.SIGKILL)

        await until_received(target)
        assert server.postmaster() != killed
        assert '"code":"database-died"' in target.log.read_text()


async def test_a_database_that_cannot_start_is_tried_until_it_can(tmp_path):
    async with a_target(tmp_path) as target:
        server = EmbeddedPostgres(tmp_path / "data")
        killed, settings = server.postmaster(), server.data / "postgresql.auto.conf"
        good = settings.read_text()
        settings.write_text("no_such_setting = 1\n")

        os.kill(killed, signal.SIGKILL)
        await until(lambda: "contains errors" in target.log.read_text())
        assert await verdict_of(target) == "503"
        assert target.log.read_text().count("waits for the database") == 1
        settings.write_text(good)

        await until_received(target)


async def verdict_of(target):
    """Post a good message, and return what is said to it."""
    sealed = a_good_message()
    return (await target.send(sealed.body, {"Content-Type": sealed.content_type})).verdict


async def until_received(target):
    """Post good messages until one gets its receipt; until then they are sent away."""
    async with asyncio.timeout(BACK_SECONDS_MAX):
        while (verdict := await verdict_of(target)) != "receipt":
            assert verdict == "503"
            await asyncio.sleep(0.1)
