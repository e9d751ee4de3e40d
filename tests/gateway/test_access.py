"""What a key opens: its scopes, its dossiers, its time; asked of every route."""

from datetime import timedelta

import pytest

from gateway.clock import SystemClock
from gateway.store.keys import end_key, find_api_key
from gateway.web.routes import API_ROUTES
from gateway.web.scopes import MEANINGS, Scope
from gateway.web.security import hash_api_key
from tests.support.api import a_key, ask
from tests.support.store import NOW, a_dossier

NONE = "00000000-0000-0000-0000-000000000001"
CLOCK = SystemClock()


def path_of(route):
    names = {"participant": "0208:0123456749", "number": "1"}
    return route.path.format_map(
        {name: names.get(name, NONE) for name in ("id", "participant", "number")}
    )


def test_each_scope_means_something_and_opens_a_route():
    assert set(MEANINGS) == set(Scope)
    assert {route.scope for route in API_ROUTES} - {None} == set(Scope)


async def test_no_route_is_open_to_a_key_without_its_scope(api, database):
    for route in API_ROUTES:
        if route.scope is not None:
            key = f"gk_test_without_{route.method}_{route.path}"
            await a_key(database, key, scopes=frozenset(set(Scope) - {route.scope}))
            status, _, problem = await ask(api, route.method, path_of(route), key=key)
            assert (status, problem["code"]) == (403, "scope-missing"), route.path
            assert route.scope in problem["detail"]


async def test_no_route_is_open_in_a_dossier_that_the_key_does_not_open(api, database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    await a_key(database, "gk_test_ours", ours)
    for route in API_ROUTES:
        if route.scope is not None and route.of_dossier:
            for foreign in (str(theirs), NONE, "no uuid"):
                status, _, problem = await ask(
                    api,
                    route.method,
                    path_of(route),
                    key="gk_test_ours",
                    headers={"Dossier": foreign},
                )
                assert (status, problem["code"]) == (404, "dossier-not-found"), route.path


async def test_a_key_of_one_dossier_works_in_it_and_one_of_several_must_say_where(api, database):
    one, two = await a_dossier(database), await a_dossier(database)
    await a_key(database, "gk_test_one", one)
    await a_key(database, "gk_test_both", one, two)
    assert (await ask(api, "GET", "/v1/documents", key="gk_test_one"))[0] == 200
    status, _, problem = await ask(api, "GET", "/v1/documents", key="gk_test_both")
    assert (status, problem["code"]) == (422, "dossier-not-named")
    for dossier in (one, two):
        named = {"Dossier": str(dossier)}
        status, _, _ = await ask(api, "GET", "/v1/documents", key="gk_test_both", headers=named)
        assert status == 200


async def test_a_key_of_all_dossiers_opens_those_of_its_kind(api, database):
    other = await a_dossier(database)
    await a_key(database, "gk_live_all", is_test=False)
    named = {"Dossier": str(other)}
    assert (await ask(api, "GET", "/v1/documents", headers=named))[0] == 200
    status, _, _ = await ask(api, "GET", "/v1/documents", key="gk_live_all", headers=named)
    assert status == 404


@pytest.mark.parametrize(
    ("seconds", "status"), [(-1, 401), (3600, 200)], ids=["expired", "still good"]
)
async def test_a_key_opens_nothing_after_its_time(api, database, seconds, status):
    await a_key(database, "gk_test_x", expires_at=CLOCK.now() + timedelta(seconds=seconds))
    found, _, answer = await ask(api, "GET", "/v1/documents", key="gk_test_x")
    assert found == status
    assert status == 200 or answer["code"] == "api-key-over"


async def test_a_revoked_key_opens_nothing(api, database):
    key = await a_key(database, "gk_test_x")
    async with database.office() as otx:
        await end_key(otx, key.id, now=CLOCK.now())
    status, _, problem = await ask(api, "GET", "/v1/documents", key="gk_test_x")
    assert (status, problem["code"]) == (401, "api-key-over")


async def test_the_use_of_a_key_is_noted_once_a_minute(api, database):
    await a_key(database, "gk_test_x")

    async def used():
        await ask(api, "GET", "/v1/documents", key="gk_test_x")
        return (await find_api_key(database, hash_api_key("gk_test_x"))).last_used_at

    first = await used()
    assert first > NOW
    assert await used() == first


async def test_a_live_key_does_not_work_in_the_default_dossier_of_tests(api, database):
    await a_key(database, "gk_live_all", is_test=False)
    status, _, problem = await ask(api, "GET", "/v1/documents", key="gk_live_all")
    assert (status, problem["code"]) == (422, "dossier-not-named")
