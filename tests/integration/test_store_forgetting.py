"""What is forgotten goes little by little, in transactions that hold nothing up."""

from datetime import timedelta

import asyncpg
import pytest

from gateway.store import idempotency
from gateway.store.idempotency import KEPT, claim_key, forget_old_keys
from gateway.store.webhooks import deliveries, endpoints
from gateway.store.webhooks.deliveries import NewDelivery, insert_deliveries, prune_deleted
from gateway.store.webhooks.reading import find_behind, find_due_endpoints
from tests.support.database import plan_of
from tests.support.store import CLOCK, NOW, a_dossier, later
from tests.support.webhooks import a_told_endpoint, happen


@pytest.fixture
async def dossier(database):
    return await a_dossier(database)


async def an_endpoint(database, dossier, *, waiting):
    """An endpoint with so many deliveries that wait, and one that was tried."""
    async with database.transaction(dossier) as tx:
        made = await a_told_endpoint(tx)
        new = [
            NewDelivery(id=CLOCK.uuid(), event_id=f"e{n}", event_type="t", body="{}")
            for n in range(waiting)
        ]
        await insert_deliveries(tx, made, new, now=NOW)
    return made


async def delete(database, dossier, endpoint):
    async with database.transaction(dossier) as tx:
        return await endpoints.delete_endpoint(tx, endpoint, now=NOW)


async def forget(database):
    """Forget what was deleted, call by call; return how many rows went with each."""
    gone = []
    async with database.exchange_statements() as xtx:
        while not gone or gone[-1]:
            gone.append(await prune_deleted(xtx))
    return gone


async def left(dsn):
    connection = await asyncpg.connect(dsn)
    tables = ("endpoints", "secrets", "deliveries", "attempts")
    counts = [await connection.fetchval(f"SELECT count(*) FROM webhook_{each}") for each in tables]
    await connection.close()
    return counts


async def test_a_deleted_endpoint_is_gone_at_once_and_its_deliveries_by_and_by(
    database, dsn, dossier, monkeypatch
):
    monkeypatch.setattr(deliveries, "PRUNE_MAX", 2)
    kept = await an_endpoint(database, dossier, waiting=1)
    endpoint = await an_endpoint(database, dossier, waiting=4)
    assert await delete(database, dossier, endpoint)
    assert not await delete(database, dossier, endpoint)
    async with database.transaction(dossier) as tx:
        assert await endpoints.find_endpoint(tx, endpoint) is None
        assert [each.id for each in await endpoints.list_endpoints(tx)] == [kept]
        assert await endpoints.list_secrets(tx, endpoint, now=NOW) == []
    assert await left(dsn) == [2, 1, 7, 2]
    assert await forget(database) == [2, 2, 1, 1, 0]
    assert await left(dsn) == [1, 1, 2, 1]


async def test_a_deleted_endpoint_is_told_nothing(database, dossier):
    endpoint = await an_endpoint(database, dossier, waiting=2)
    await delete(database, dossier, endpoint)
    await happen(database, dossier, "accepted")
    async with database.transaction(dossier) as tx:
        await endpoints.enable_endpoint(tx, endpoint, now=NOW)
    async with database.exchange_statements() as xtx:
        assert await find_behind(xtx, limit=9) == []
        assert await find_due_endpoints(xtx, now=later(9), without=[], limit=9) == []


async def test_a_deleted_endpoint_leaves_its_place_to_another(database, dossier, monkeypatch):
    monkeypatch.setattr(endpoints, "ENDPOINTS_MAX", 1)
    endpoint = await an_endpoint(database, dossier, waiting=0)
    given = {"url": "https://b.example", "description": None, "event_types": [], "now": NOW}
    async with database.transaction(dossier) as tx:
        assert not await endpoints.insert_endpoint(tx, CLOCK.uuid(), **given)
    await delete(database, dossier, endpoint)
    async with database.transaction(dossier) as tx:
        assert await endpoints.insert_endpoint(tx, CLOCK.uuid(), **given)


async def test_old_keys_are_forgotten_some_at_a_time(database, dossier, monkeypatch):
    monkeypatch.setattr(idempotency, "FORGET_AT_ONCE", 2)
    async with database.transaction(dossier) as tx:
        for second in range(6):
            at = NOW - KEPT - timedelta(seconds=second)
            await claim_key(tx, f"k{second}", b"body", now=at)
    # Each statement commits by itself; the one of this very instant is not old enough.
    assert await forget_old_keys(database, now=NOW) == 5
    async with database.exchange_statements() as xtx:
        assert await xtx.connection.fetchval("SELECT count(*) FROM idempotency_keys") == 1


FILL = """
INSERT INTO idempotency_keys (dossier_id, key, body_sha256, created_at)
SELECT $1, n::text, '', $2::timestamptz + n * interval '1s' FROM generate_series(1, 3000) n
"""


async def test_what_is_forgotten_is_found_by_index(database, dsn, dossier):
    connection = await asyncpg.connect(dsn)
    await connection.execute(FILL, dossier, NOW)
    await connection.execute("ANALYZE idempotency_keys")
    await connection.close()
    async with database.exchange_statements() as xtx:

        class One:
            """A database of this one connection."""

            def exchange_statements(self):
                return Open()

        class Open:
            async def __aenter__(self):
                return xtx

            async def __aexit__(self, *_):
                return None

        plan = await plan_of(xtx.connection, forget_old_keys(One(), now=NOW))
        deleted = await plan_of(xtx.connection, prune_deleted(xtx))
    assert "idempotency_keys_oldest" in plan
    assert "Seq Scan" not in plan
    assert "webhook_endpoints_deleted" in deleted or "Seq Scan on webhook_endpoints" in deleted
