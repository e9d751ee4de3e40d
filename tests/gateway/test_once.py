"""A request that a process died over is carried out by whoever is asked next, and at once."""

import asyncio

import pytest

from tests.gateway.test_batch import item, post_batch, statuses
from tests.support.api import count, run_api

pytestmark = pytest.mark.usefixtures("registered")
IN_FLIGHT = "idempotency-key-in-flight"


@pytest.fixture
async def claimed(api, monkeypatch):
    """An API that died over a batch with the key `k`: its claim is there, and no answer."""

    async def die(*_):
        raise RuntimeError("this process is gone")

    with monkeypatch.context() as dying:
        dying.setattr("gateway.web.once.finish_key", die)
        dying.setattr("gateway.web.once.drop_key", die)
        status, _, _ = await post_batch(api, item("1"), Idempotency_Key="k")
        assert status == 500
    return api


async def test_a_request_whose_process_died_is_carried_out_when_it_is_repeated(claimed, dsn):
    status, _, answer = await post_batch(claimed, item("1"), Idempotency_Key="k")
    assert (status, statuses(answer)) == (200, [202])
    assert await count(dsn, "documents") == 1
    _, headers, again = await post_batch(claimed, item("1"), Idempotency_Key="k")
    assert (again, headers["Idempotent-Replayed"]) == (answer, "true")


async def test_the_key_of_a_process_that_died_is_for_no_other_request(claimed, dsn):
    status, _, problem = await post_batch(claimed, item("2"), Idempotency_Key="k")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    assert await count(dsn, "documents") == 1


async def test_a_request_under_way_is_in_flight_in_every_process(
    api, database, tmp_path, monkeypatch
):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def accept(*_, **__):
        begun.set()
        await go_on.wait()
        raise NotImplementedError

    monkeypatch.setattr("gateway.web.batch.accept_item", accept)
    async with run_api(database, tmp_path / "other") as other, asyncio.TaskGroup() as group:
        first = group.create_task(post_batch(api, item("1"), Idempotency_Key="k"))
        await begun.wait()
        for asked in (api, other):
            status, headers, problem = await post_batch(asked, item("1"), Idempotency_Key="k")
            assert (status, problem["code"]) == (409, IN_FLIGHT)
            assert headers["Retry-After"] == "1"
            status, _, problem = await post_batch(asked, item("2"), Idempotency_Key="k")
            assert (status, problem["code"]) == (422, "idempotency-key-reused")
        go_on.set()
    assert first.result()[0] == 500
