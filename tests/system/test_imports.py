"""An import through a whole gateway that is killed again and again while it works."""

import asyncio
import signal

import aiohttp
import pytest

from gateway.client import GatewayClient
from tests.support.api import SENDER
from tests.support.gateways import running, write_settings
from tests.support.imports import NDJSON, lines, ubl_line

pytestmark = pytest.mark.system

DOCUMENTS = 60
KILLS = 2


async def ask(gateway, method, path, **given):
    headers = {"Authorization": f"Bearer {(gateway.data / 'api-key').read_text().strip()}"}
    headers |= given.pop("headers", {})
    url = gateway.ready["api"] + path
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url, **given) as response,
    ):
        assert response.status < 300, await response.text()
        return await response.json()


async def progress(gateway, made, *, enough):
    """Wait until *enough* documents of the import are done; return how it stands."""
    async with asyncio.timeout(120):
        while True:
            found = await ask(gateway, "GET", f"/v1/imports/{made['id']}")
            if found["accepted"] + found["refused"] >= enough:
                return found
            await asyncio.sleep(0.05)


async def numbers_sent(gateway):
    found, cursor = [], ""
    while cursor is not None:
        page = await ask(gateway, "GET", f"/v1/documents?limit=50&direction=out{cursor}")
        found += [each["number"] for each in page["documents"]]
        cursor = f"&cursor={page['next_cursor']}" if page["has_more"] else None
    return found


async def test_a_gateway_killed_in_the_middle_imports_each_document_once(tmp_path, dsn):
    config = write_settings(tmp_path, database_url=dsn)
    numbers = [f"I-{number}" for number in range(DOCUMENTS)]
    data = lines(*map(ubl_line, numbers), {"ubl": ""}, ubl_line("I-0"))
    made = None
    for kill in range(KILLS):
        async with running(config) as gateway:
            if made is None:
                key = (gateway.data / "api-key").read_text().strip()
                async with GatewayClient(gateway.ready["api"], key) as client:
                    await client.register_participant(SENDER)
                made = await ask(
                    gateway, "POST", "/v1/imports", data=data, headers={"Content-Type": NDJSON}
                )
                assert made["total"] == DOCUMENTS + 2
            seen = await progress(gateway, made, enough=(kill + 1) * DOCUMENTS // 4)
            assert seen["status"] == "running"
            await gateway.end(signal.SIGKILL)
    async with running(config) as gateway:
        done = await progress(gateway, made, enough=made["total"])
        assert (done["accepted"], done["refused"]) == (DOCUMENTS, 2)
        assert sorted(await numbers_sent(gateway)) == sorted(numbers)
        path = f"/v1/imports/{made['id']}/results?limit=200"
        results = (await ask(gateway, "GET", path))["results"]
        assert [each["position"] for each in results] == list(range(1, DOCUMENTS + 3))
        assert [each["status"] for each in results[-2:]] == [422, 409]
