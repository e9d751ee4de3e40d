"""The client with many documents at once."""

import asyncio

import pytest

from gateway.client.bulkmodel import BatchItem
from gateway.errors import Unavailable
from tests.support.api import RECEIVER, an_invoice
from tests.support.imports import ZIP, a_zip, importer, lines, payload, ubl_line

pytestmark = pytest.mark.usefixtures("registered")


async def do(api, made):
    await importer(api).work(payload(api, {"id": str(made.id)}))


async def test_a_batch_is_handed_in_and_its_results_are_read(client):
    items = [
        BatchItem(ubl=an_invoice(number="1"), to=RECEIVER, idempotency_key="one"),
        BatchItem(ubl=b"<x/>"),
    ]
    accepted, refused = await client.send_batch(items, idempotency_key="k")
    assert (accepted.status, accepted.document.number) == (202, "1")
    assert (refused.status, refused.problem.code) == (422, "unknown-document")
    assert await client.send_batch(items, idempotency_key="k") == (accepted, refused)


async def test_a_file_is_handed_in_waited_for_and_its_results_are_read(api, client):
    data = lines(ubl_line("1"), b"{}")
    made = await client.start_import(data, idempotency_key="k")
    assert await client.start_import(data, idempotency_key="k") == made
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(client.wait_for_import(made.id))
        await do(api, made)
    assert (waiting.result().accepted, waiting.result().refused) == (1, 1)
    found = await client.import_results(made.id)
    assert [each.status for each in found.results] == [202, 422]
    (refused,) = (await client.import_results(made.id, outcome="refused")).results
    assert refused.problem.code == "bad-form"
    assert [each.id for each in (await client.imports(limit=5)).imports] == [made.id]


async def test_a_zip_is_told_by_its_bytes_and_a_stream_by_its_name(api, client):
    data = a_zip({"1.xml": an_invoice(number="1")})

    async def pieces():
        yield data

    for handed, media_type in ((data, None), (pieces(), ZIP)):
        made = await client.start_import(handed, media_type=media_type, duplicate=True)
        await do(api, made)
        assert (await client.find_import(made.id)).accepted == 1
        assert (await client.cancel_import(made.id)).status == "done"


async def test_who_waits_too_long_is_told(client):
    made = await client.start_import(lines(ubl_line("1")))
    with pytest.raises(Unavailable, match="not done"):
        await client.wait_for_import(made.id, timeout_seconds=0.05)
