"""Imports that ended long ago are forgotten, little by little; those that go on are not."""

from datetime import timedelta

import pytest

from gateway.store import imports
from gateway.store.imports import KEPT, forget_old_imports
from tests.support.imports import an_import
from tests.support.store import NOW, a_dossier

LONG_AFTER = NOW + KEPT + timedelta(seconds=1)


async def fill(database, status, entries):
    """Make an import of so many entries that stands so since NOW; return its dossier and itself."""
    dossier = await a_dossier(database)
    file = None if status in ("done", "cancelled") else "file"
    made = an_import(dossier_id=dossier, status=status, file=file)
    async with database.transaction(dossier) as tx:
        await imports.insert_import(tx, made)
        await tx.connection.executemany(
            "INSERT INTO import_results (import_id, position, dossier_id, problem)"
            " VALUES ($1, $2, $3, '{}')",
            [(made.id, position, dossier) for position in range(1, entries + 1)],
        )
    return dossier, made


async def left(database, dossier, made):
    async with database.transaction(dossier) as tx:
        found = await imports.find_import(tx, made.id)
        return found is not None, len(await imports.list_results(tx, made.id, limit=99))


async def forget(database, now):
    async with database.exchange_statements() as xtx:
        return await forget_old_imports(xtx, now=now)


@pytest.mark.parametrize("status", ["done", "failed", "cancelled"])
async def test_what_ended_long_ago_goes_little_by_little(database, monkeypatch, status):
    monkeypatch.setattr(imports, "FORGET_AT_ONCE", 2)
    one = await fill(database, status, 3)
    assert await forget(database, NOW + KEPT) == 0
    assert [await forget(database, LONG_AFTER) for _ in range(4)] == [2, 1, 1, 0]
    assert await left(database, *one) == (False, 0)


@pytest.mark.parametrize("status", ["waiting", "running"])
async def test_what_goes_on_stays(database, status):
    one = await fill(database, status, 3)
    assert await forget(database, LONG_AFTER) == 0
    assert await left(database, *one) == (True, 3)
