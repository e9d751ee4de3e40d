"""Dossiers and API keys over the API: made, listed, changed, rotated, revoked."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.clock import SystemClock
from tests.support.api import a_key, ask
from tests.support.store import a_dossier

CLOCK = SystemClock()


async def make(api, path, body, *, key=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, _, answer = await ask(api, "POST", path, json=body, key=key, headers=named)
    return status, answer


async def a_named_dossier(api, name="Bakkerij", **more):
    return await make(api, "/v1/dossiers", {"name": name, "country": "BE", **more})


async def test_a_dossier_is_made_shown_found_by_its_reference_and_works(api):
    status, made = await a_named_dossier(api, reference="client-7")
    assert (status, made["is_test"]) == (201, True)
    assert (await ask(api, "GET", f"/v1/dossiers/{made['id']}"))[2] == made
    _, _, page = await ask(api, "GET", "/v1/dossiers?reference=client-7")
    assert page == {"dossiers": [made], "has_more": False, "next_cursor": None}
    status, _, found = await ask(api, "GET", "/v1/documents", headers={"Dossier": made["id"]})
    assert (status, found["documents"]) == (200, [])


async def test_dossiers_come_page_by_page_the_newest_first(api):
    made = [(await a_named_dossier(api, f"dossier {number}"))[1]["id"] for number in range(3)]
    _, _, one = await ask(api, "GET", "/v1/dossiers?limit=2")
    _, _, two = await ask(api, "GET", f"/v1/dossiers?limit=2&cursor={one['next_cursor']}")
    assert [each["id"] for each in one["dossiers"]] == [made[2], made[1]]
    assert [each["id"] for each in two["dossiers"]] == [made[0], str(api.dossier)]
    assert (one["has_more"], two["has_more"]) == (True, False)


async def test_a_reference_belongs_to_one_dossier(api):
    _, first = await a_named_dossier(api, reference="a")
    _, second = await a_named_dossier(api, reference="b")
    status, problem = await a_named_dossier(api, reference="a")
    assert (status, problem["code"]) == (409, "reference-taken")
    assert first["id"] in problem["errors"][0]["message"]
    path = f"/v1/dossiers/{second['id']}"
    status, _, problem = await ask(api, "PATCH", path, json={"reference": "a"})
    assert (status, problem["code"]) == (409, "reference-taken")
    status, _, changed = await ask(api, "PATCH", path, json={"name": "New", "reference": "c"})
    assert (status, changed["name"], changed["reference"]) == (200, "New", "c")
    status, _, kept = await ask(api, "PATCH", path, json={})
    assert (status, kept["name"], kept["reference"]) == (200, "New", "c")


async def test_which_dossier_has_a_reference_is_told_to_who_opens_it_alone(api, database):
    _, theirs = await a_named_dossier(api, reference="theirs")
    ours = await a_dossier(database)
    await a_key(database, "gk_test_ours", ours)
    status, _, problem = await ask(
        api, "PATCH", f"/v1/dossiers/{ours}", key="gk_test_ours", json={"reference": "theirs"}
    )
    assert (status, problem["code"]) == (409, "reference-taken")
    assert theirs["id"] not in str(problem)


async def test_a_reference_is_taken_away_by_null_and_a_name_stays(api):
    _, made = await a_named_dossier(api, reference="a")
    path = f"/v1/dossiers/{made['id']}"
    status, _, changed = await ask(api, "PATCH", path, json={"reference": None})
    assert (status, changed["reference"], changed["name"]) == (200, None, made["name"])
    status, _, problem = await ask(api, "PATCH", path, json={"name": None})
    assert (status, problem["code"]) == (422, "bad-json")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "  ", "country": "BE"},
        {"name": "x", "country": "BE\n"},
        {"name": "x", "country": "be"},
        {"name": "x", "country": "BE", "reference": " "},
    ],
)
async def test_a_dossier_has_a_name_and_a_country(api, body):
    status, problem = await make(api, "/v1/dossiers", body)
    assert (status, problem["code"]) == (422, "bad-json")


async def test_a_live_key_of_all_dossiers_makes_a_key_of_all_test_dossiers(api, database):
    await a_key(database, "gk_live_all", is_test=False)
    wanted = {"name": "tests", "scopes": ["*"], "is_test": True}
    status, made = await make(api, "/v1/api-keys", wanted, key="gk_live_all")
    assert (status, made["is_test"], made["dossiers"]) == (201, True, None)
    assert made["key"].startswith("gk_test_")
    status, dossier = await make(
        api, "/v1/dossiers", {"name": "T", "country": "BE"}, key=made["key"]
    )
    assert (status, dossier["is_test"]) == (201, True)


@pytest.mark.parametrize("changed", [{"is_test": False}, {"is_test": True}])
async def test_no_other_key_makes_one_of_another_kind(api, database, changed):
    ours = await a_dossier(database)
    is_test = not changed["is_test"]
    await a_key(database, "gk_x", *([] if is_test else [ours]), is_test=is_test)
    wanted = {"name": "x", "scopes": ["*"]} | changed
    status, problem = await make(api, "/v1/api-keys", wanted, key="gk_x")
    assert (status, problem["code"]) == (422, "kind-beyond")
    assert problem["errors"][0]["location"] == "/is_test"


async def test_a_key_of_listed_dossiers_sees_them_alone_and_makes_none(api, database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    await a_key(database, "gk_test_ours", ours)
    _, _, page = await ask(api, "GET", "/v1/dossiers", key="gk_test_ours")
    assert [each["id"] for each in page["dossiers"]] == [str(ours)]
    status, _, problem = await ask(api, "GET", f"/v1/dossiers/{theirs}", key="gk_test_ours")
    assert (status, problem["code"]) == (404, "dossier-not-found")
    body = {"name": "x", "country": "BE"}
    status, problem = await make(api, "/v1/dossiers", body, key="gk_test_ours")
    assert (status, problem["code"]) == (403, "dossiers-listed")


async def test_a_key_is_shown_once_and_opens_what_it_was_made_for(api):
    _, dossier = await a_named_dossier(api)
    wanted = {"name": "shop", "scopes": ["documents:read"], "dossiers": [dossier["id"]]}
    status, made = await make(api, "/v1/api-keys", wanted)
    assert status == 201
    secret = made.pop("key")
    assert secret.startswith("gk_test_")
    assert (made["hint"], made["dossiers"]) == (secret[-4:], [dossier["id"]])
    _, _, shown = await ask(api, "GET", f"/v1/api-keys/{made['id']}")
    assert shown == made
    assert (await ask(api, "GET", "/v1/documents", key=secret))[0] == 200
    assert (await ask(api, "GET", "/v1/dossiers", key=secret))[0] == 403


async def test_keys_are_listed_the_newest_first_and_show_their_last_use(api):
    wanted = {"name": "a", "scopes": ["*"]}
    _, made = await make(api, "/v1/api-keys", wanted)
    await ask(api, "GET", "/v1/documents", key=made["key"])
    _, _, page = await ask(api, "GET", "/v1/api-keys")
    assert [each["name"] for each in page["api_keys"]] == ["a", "first"]
    assert all(each["last_used_at"] is not None for each in page["api_keys"])
    assert all("key" not in each for each in page["api_keys"])


@pytest.mark.parametrize(
    ("changed", "code", "place"),
    [
        ({"scopes": ["documents:fly"]}, "unknown-scope", "/scopes/0"),
        ({"scopes": ["validate", "lookup"]}, "scope-beyond", "/scopes/1"),
        ({"scopes": ["*"]}, "scope-beyond", "/scopes/0"),
        ({"dossiers": [str(UUID(int=1))]}, "dossier-beyond", "/dossiers/0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "bad-expiry", "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "bad-expiry", "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "bad-json", "/expires_at"),
        ({"scopes": []}, "bad-json", "/scopes"),
        ({"name": ""}, "bad-json", "/name"),
        ({"colour": "red"}, "bad-json", "/colour"),
    ],
)
async def test_a_key_cannot_make_one_that_opens_more(api, database, changed, code, place):
    ours = await a_dossier(database)
    await a_key(
        database,
        "gk_test_ours",
        ours,
        scopes=frozenset({"keys:write", "validate"}),
        expires_at=CLOCK.now() + timedelta(days=1),
    )
    wanted = {"name": "x", "scopes": ["validate"]} | changed
    status, problem = await make(api, "/v1/api-keys", wanted, key="gk_test_ours")
    assert (status, problem["code"]) == (422, code)
    assert problem["errors"][0]["location"] == place


async def test_a_key_made_without_dossiers_or_end_has_those_of_its_maker(api, database):
    ours = await a_dossier(database)
    maker = await a_key(database, "gk_test_o", ours, expires_at=CLOCK.now() + timedelta(days=1))
    _, made = await make(api, "/v1/api-keys", {"name": "x", "scopes": ["*"]}, key="gk_test_o")
    assert made["dossiers"] == [str(ours)]
    assert made["expires_at"] == maker.expires_at.isoformat().replace("+00:00", "Z")


async def test_keys_that_open_more_than_the_asking_one_are_not_there(api, database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    await a_key(database, "gk_test_ours", ours)
    others = [
        await a_key(database, "gk_test_theirs", theirs),
        await a_key(database, "gk_test_both", ours, theirs),
        await a_key(database, "gk_live_ours", ours, is_test=False),
    ]
    _, _, page = await ask(api, "GET", "/v1/api-keys", key="gk_test_ours")
    assert [each["hint"] for each in page["api_keys"]] == ["abcd"]
    assert len(page["api_keys"]) == 1
    for other in others:
        for method, path in (("GET", ""), ("POST", "/revoke"), ("POST", "/rotate")):
            status, _, problem = await ask(
                api, method, f"/v1/api-keys/{other.id}{path}", key="gk_test_ours"
            )
            assert (status, problem["code"]) == (404, "api-key-not-found")


async def test_keys_with_more_scopes_or_a_later_end_are_not_there_either(api, database):
    ours = await a_dossier(database)
    ends = CLOCK.now() + timedelta(hours=1)
    scopes = frozenset({"keys:read", "keys:write", "validate"})
    own = await a_key(database, "gk_test_own", ours, scopes=scopes, expires_at=ends)
    less = await a_key(
        database, "gk_test_less", ours, scopes=frozenset({"validate"}), expires_at=ends
    )
    more = [
        await a_key(database, "gk_test_all", ours, expires_at=ends),
        await a_key(
            database, "gk_test_write", ours, scopes=scopes | {"documents:write"}, expires_at=ends
        ),
        await a_key(database, "gk_test_endless", ours, scopes=scopes),
        await a_key(
            database, "gk_test_longer", ours, scopes=scopes, expires_at=ends + timedelta(seconds=1)
        ),
    ]
    _, _, page = await ask(api, "GET", "/v1/api-keys", key="gk_test_own")
    assert {each["id"] for each in page["api_keys"]} == {str(own.id), str(less.id)}
    for other in more:
        for method, path in (("GET", ""), ("POST", "/revoke"), ("POST", "/rotate")):
            status, _, problem = await ask(
                api, method, f"/v1/api-keys/{other.id}{path}", key="gk_test_own"
            )
            assert (status, problem["code"]) == (404, "api-key-not-found")
        assert (await ask(api, "GET", f"/v1/api-keys/{other.id}"))[2]["revoked_at"] is None


async def test_a_key_can_be_rotated_by_itself(api, database):
    ours = await a_dossier(database)
    ends = CLOCK.now() + timedelta(hours=1)
    own = await a_key(
        database, "gk_test_own", ours, scopes=frozenset({"keys:write"}), expires_at=ends
    )
    status, made = await make(api, f"/v1/api-keys/{own.id}/rotate", {}, key="gk_test_own")
    assert (status, made["scopes"]) == (201, ["keys:write"])
    assert made["expires_at"] == ends.isoformat().replace("+00:00", "Z")


async def test_a_rotated_key_is_good_for_the_overlap_and_rotates_once(api):
    _, old = await make(api, "/v1/api-keys", {"name": "x", "scopes": ["documents:read"]})
    path = f"/v1/api-keys/{old['id']}/rotate"
    status, new = await make(api, path, {"overlap_seconds": 600})
    assert (status, new["scopes"], new["name"]) == (201, old["scopes"], "x")
    for key in (old["key"], new["key"]):
        assert (await ask(api, "GET", "/v1/documents", key=key))[0] == 200
    _, _, shown = await ask(api, "GET", f"/v1/api-keys/{old['id']}")
    assert shown["replaced_by"] == new["id"]
    assert shown["expires_at"] is not None
    status, problem = await make(api, path, {})
    assert (status, problem["code"]) == (409, "api-key-replaced")


async def test_without_overlap_the_old_key_is_over_at_once(api):
    _, old = await make(api, "/v1/api-keys", {"name": "x", "scopes": ["documents:read"]})
    await make(api, f"/v1/api-keys/{old['id']}/rotate", {"overlap_seconds": 0})
    status, _, problem = await ask(api, "GET", "/v1/documents", key=old["key"])
    assert (status, problem["code"]) == (401, "api-key-over")


async def test_a_revoked_key_opens_nothing_more(api):
    _, made = await make(api, "/v1/api-keys", {"name": "x", "scopes": ["*"]})
    path = f"/v1/api-keys/{made['id']}/revoke"
    status, _, shown = await ask(api, "POST", path, key=made["key"])
    assert status == 200
    assert shown["revoked_at"]
    again = await ask(api, "POST", path)
    assert again[2]["revoked_at"] == shown["revoked_at"]
    assert (await ask(api, "GET", "/v1/documents", key=made["key"]))[0] == 401


async def test_a_repeated_request_gets_the_same_key_and_makes_no_second(api, database):
    wanted = {"name": "x", "scopes": ["*"]}
    _, first = await make(api, "/v1/api-keys", wanted, Idempotency_Key="k")
    status, again = await make(api, "/v1/api-keys", wanted, Idempotency_Key="k")
    assert (status, again) == (201, first)
    _, _, page = await ask(api, "GET", "/v1/api-keys")
    assert len(page["api_keys"]) == 2
    other = {"name": "y", "scopes": ["*"]}
    status, problem = await make(api, "/v1/api-keys", other, Idempotency_Key="k")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    async with database.office() as otx:
        kept = await otx.connection.fetchval("SELECT body FROM idempotency_keys")
    assert first["key"].encode() not in kept


async def test_two_callers_do_not_meet_in_one_idempotency_key(api):
    wanted = {"name": "x", "scopes": ["*"]}
    _, mine = await make(api, "/v1/api-keys", wanted, Idempotency_Key="k")
    _, theirs = await make(api, "/v1/api-keys", wanted, key=mine["key"], Idempotency_Key="k")
    assert theirs["id"] != mine["id"]
