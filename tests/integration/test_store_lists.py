"""Lists of the office and of webhooks: in order, whole, and with no more rows read than shown."""

from datetime import timedelta

import asyncpg
import pytest

from gateway.store.dossiers import list_dossiers
from gateway.store.keys import insert_api_key, list_keys
from gateway.store.webhooks.deliveries import list_deliveries
from tests.support.database import plan_of
from tests.support.store import CLOCK, NOW, a_dossier, an_api_key
from tests.support.webhooks import a_told_endpoint

DOSSIERS = """
INSERT INTO dossiers (id, name, country, is_default, created_at, reference, is_test, updated_at)
SELECT gen_random_uuid(), 'd', 'BE', false, $1::timestamptz - n * interval '1s', 'ref' || n,
    n % 100 <> 0, $1
FROM generate_series(1, 3000) n
"""
KEYS = """
INSERT INTO api_keys (id, key_hash, name, hint, is_test, all_dossiers, scopes, created_at)
SELECT gen_random_uuid(), sha256(n::text::bytea), 'k', 'abcd', n % 100 <> 0, false, '{*}',
    $1::timestamptz - n * interval '1s'
FROM generate_series(1, 3000) n
"""
OPENS = """
INSERT INTO api_key_dossiers (key_id, dossier_id)
SELECT k.id, d.id FROM (SELECT id, row_number() OVER () AS n FROM api_keys) AS k
JOIN (SELECT id, row_number() OVER () AS n FROM dossiers) AS d USING (n)
"""
DELIVERIES = """
INSERT INTO webhook_deliveries (id, endpoint_id, dossier_id, event_id, event_type, body, status,
    created_at, updated_at)
SELECT gen_random_uuid(), $1, $2, n::text, '', '',
    CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'delivered' END,
    $3::timestamptz - n * interval '1s', $3
FROM generate_series(1, 3000) n
"""


@pytest.fixture
async def crowd(database, dsn):
    """Thousands of dossiers, of keys of one each, and of deliveries to one endpoint."""
    dossier = await a_dossier(database)
    async with database.transaction(dossier) as tx:
        endpoint = await a_told_endpoint(tx)
    connection = await asyncpg.connect(dsn)
    await connection.execute(DOSSIERS, NOW)
    await connection.execute(KEYS, NOW)
    await connection.execute(OPENS)
    await connection.execute("DELETE FROM webhook_deliveries")
    await connection.execute(DELIVERIES, endpoint, dossier, NOW)
    await connection.execute("ANALYZE")
    await connection.close()
    return dossier, endpoint


def no_more_than_shown(plan, index):
    assert index in plan
    assert "Seq Scan" not in plan
    return True


def condition_of(plan):
    return plan.partition("Index Cond")[2].partition("\n")[0]


async def test_failed_deliveries_among_many_are_found_by_index_in_order(database, crowd):
    dossier, endpoint = crowd
    async with database.transaction(dossier) as tx:
        page = await list_deliveries(tx, endpoint, limit=2, status="failed")
        last = page[-1]
        rest = await list_deliveries(
            tx, endpoint, limit=9, status="failed", before=(last.created_at, last.id)
        )
        plan = await plan_of(
            tx.connection, list_deliveries(tx, endpoint, limit=50, status="failed")
        )
    assert [each.event_id for each in (*page, *rest)] == ["1000", "2000", "3000"]
    assert no_more_than_shown(plan, "Index Scan Backward using webhook_deliveries_standing")
    assert "ROW(endpoint_id, status, created_at, id) <" in condition_of(plan)
    assert "Sort" not in plan


async def test_dossiers_are_found_by_reference_by_kind_and_by_id(database, crowd):
    own, _ = crowd
    given = {"limit": 50, "before": (NOW, CLOCK.uuid())}
    async with database.office() as otx:
        for name, index, narrow in (
            ("named", "dossiers_reference", {"within": None, "reference": "ref300"}),
            ("of a kind", "dossiers_newest", {"within": None}),
            ("own", "dossiers_pkey", {"within": [own]}),
            ("own and named", "dossiers_pkey", {"within": [own], "reference": "ref300"}),
        ):
            call = list_dossiers(otx, is_test=False, **given, **narrow)
            plan = await plan_of(otx.connection, call)
            assert no_more_than_shown(plan, index), name
            assert name != "of a kind" or "ROW(created_at, id) <" in condition_of(plan)
        live = await list_dossiers(otx, within=None, is_test=False, limit=50)
        named = await list_dossiers(otx, within=None, is_test=False, limit=9, reference="ref300")
        of_test = await list_dossiers(otx, within=None, is_test=True, limit=9, reference="ref300")
        ours = await list_dossiers(otx, within=[own], is_test=True, limit=9)
        foreign = await list_dossiers(otx, within=[own], is_test=False, limit=9, reference="ref300")
    assert [each.reference for each in live] == [f"ref{n}" for n in range(100, 3001, 100)]
    assert [each.reference for each in named] == ["ref300"]
    assert [each.id for each in ours] == [own]
    assert (of_test, foreign) == ([], [])


async def test_keys_are_found_by_the_dossiers_of_who_asks_and_by_kind(database, crowd):
    own, _ = crowd
    asking = an_api_key(own)
    both = an_api_key(own, await a_dossier(database))
    twin = an_api_key(own, created_at=NOW + timedelta(seconds=1))
    async with database.office() as otx:
        for number, key in enumerate((asking, both, twin)):
            await insert_api_key(otx, key, key_hash=f"{number}".encode())
        found = await list_keys(otx, by=asking, limit=9, before=None)
        mine = await plan_of(otx.connection, list_keys(otx, by=asking, limit=50, before=None))
        everybody = an_api_key(is_test=False)
        kind = await plan_of(otx.connection, list_keys(otx, by=everybody, limit=50, before=None))
        live = await list_keys(otx, by=everybody, limit=100, before=None)
    # The fixture made a key of this dossier too, as of each.
    assert found[0].id == twin.id
    assert asking.id in {each.id for each in found}
    assert both.id not in {each.id for each in found}
    assert len(found) <= 3
    assert no_more_than_shown(mine, "api_key_dossiers_dossier")
    assert "api_keys_pkey" in mine
    assert no_more_than_shown(kind, "Index Scan using api_keys_newest")
    assert "is_test" in condition_of(kind)
    assert "ROW(created_at, id) <" in condition_of(kind)
    assert len(live) == 30
