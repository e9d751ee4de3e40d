"""Two that do the same to webhooks at once: one does it, the other is told."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from gateway.store.webhooks import endpoints
from gateway.store.webhooks.deliveries import (
    Attempt,
    Result,
    list_attempts,
    list_deliveries,
    record_attempt,
)
from tests.support.database import WAITING
from tests.support.store import CLOCK, NOW, a_dossier, until
from tests.support.webhooks import a_told_endpoint

SECOND = Attempt(number=2, at=NOW, milliseconds=7, status=200, answer="ok", error=None)
DONE = Result(status="delivered", next_attempt_at=None)


@pytest.fixture
async def dossier(database):
    return await a_dossier(database)


@pytest.fixture
async def delivery(database, dossier):
    """The id of a delivery that was tried once."""
    async with database.transaction(dossier) as tx:
        endpoint = await a_told_endpoint(tx)
        (found,) = await list_deliveries(tx, endpoint, limit=2)
    return found.id


async def attempts(database, dossier, delivery):
    async with database.transaction(dossier) as tx:
        return [each.number for each in (await list_attempts(tx, [delivery]))[delivery]]


async def record(database, dossier, delivery, attempt, result):
    async with database.transaction(dossier) as tx:
        return await record_attempt(tx, delivery, attempt, result)


async def test_of_two_endpoints_made_at_once_the_last_place_goes_to_one(
    database, dossier, dsn, monkeypatch
):
    monkeypatch.setattr(endpoints, "ENDPOINTS_MAX", 1)
    given = {"url": "https://a.example", "description": None, "event_types": [], "now": NOW}

    async def make():
        async with database.transaction(dossier) as tx:
            return await endpoints.insert_endpoint(tx, CLOCK.uuid(), **given)

    async def it_waits_or_ended():
        return second.done() or await looking.fetchval(WAITING)

    looking = await asyncpg.connect(dsn)
    async with database.transaction(dossier) as tx:
        assert await endpoints.insert_endpoint(tx, CLOCK.uuid(), **given)
        second = asyncio.create_task(make())
        await until(it_waits_or_ended)
    await looking.close()
    assert await second is False


async def test_an_attempt_that_was_recorded_is_not_recorded_again(database, dossier, delivery):
    waits = Result(status="pending", next_attempt_at=NOW + timedelta(hours=1))
    assert await record(database, dossier, delivery, SECOND, waits)
    assert not await record(database, dossier, delivery, SECOND, DONE)
    assert await attempts(database, dossier, delivery) == [1, 2]


async def test_an_attempt_that_was_overtaken_changes_nothing(database, dossier, delivery):
    first = replace(SECOND, number=1)
    assert not await record(database, dossier, delivery, first, DONE)
    assert await record(database, dossier, delivery, SECOND, DONE)


async def test_what_is_delivered_is_not_taken_back(database, dossier, delivery):
    assert await record(database, dossier, delivery, SECOND, DONE)
    failed = Result(status="failed", next_attempt_at=None)
    assert not await record(database, dossier, delivery, replace(SECOND, number=3), failed)
    assert await attempts(database, dossier, delivery) == [1, 2]
