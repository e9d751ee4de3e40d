"""API keys: how they are made, kept and asked for."""

import stat

import pytest

from gateway.clock import SystemClock
from gateway.settings import Settings, Stage
from gateway.store.keys import find_api_key
from gateway.web.routes import API_ROUTES
from gateway.web.security import ensure_first_key, hash_api_key, is_plain_text, new_api_key
from tests.support.api import ask, run_api

CLOCK = SystemClock()


@pytest.mark.parametrize(("is_test", "prefix"), [(True, "gk_test_"), (False, "gk_live_")])
def test_a_key_shows_its_kind_and_is_random(is_test, prefix):
    one, two = new_api_key(CLOCK, is_test=is_test), new_api_key(CLOCK, is_test=is_test)
    assert one.startswith(prefix)
    assert len(one) == len(prefix) + 43
    assert one != two


async def a_first_key(database, folder, stage=Stage.SANDBOX):
    settings = Settings(stage=stage, data_dir=folder)
    path = await ensure_first_key(database, clock=CLOCK, settings=settings)
    return path, await find_api_key(database, hash_api_key(path.read_text().strip()))


async def test_the_first_key_is_in_a_file_for_us_alone_and_opens_every_dossier(database, tmp_path):
    path, found = await a_first_key(database, tmp_path / "data")
    assert path == tmp_path / "data" / "api-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (found.dossiers, found.scopes, found.is_test) == (None, {"*"}, True)
    assert found.hint == path.read_text().strip()[-4:]
    assert [each.name for each in path.parent.iterdir()] == ["api-key"]


async def test_a_key_that_is_there_is_kept(database, tmp_path):
    path, found = await a_first_key(database, tmp_path)
    before = path.read_text()
    assert await a_first_key(database, tmp_path) == (path, found)
    assert path.read_text() == before


async def test_in_production_the_first_key_is_no_test_key(database, tmp_path):
    path, found = await a_first_key(database, tmp_path, Stage.PRODUCTION)
    assert path.read_text().startswith("gk_live_")
    assert not found.is_test


async def test_who_leaves_the_tests_behind_gets_a_live_key_and_keeps_the_other(database, tmp_path):
    path, before = await a_first_key(database, tmp_path)
    old = path.read_text()
    _, live = await a_first_key(database, tmp_path, Stage.PRODUCTION)
    assert path.read_text().startswith("gk_live_")
    assert (live.is_test, live.dossiers, live.scopes) == (False, None, {"*"})
    assert (tmp_path / "api-key.test").read_text() == old
    assert await find_api_key(database, hash_api_key(old.strip())) == before


async def test_a_key_is_made_known_to_a_database_that_does_not_know_it(database, tmp_path):
    (tmp_path / "api-key").write_text("gk_test_of_old\n")
    _, found = await a_first_key(database, tmp_path)
    assert found == await find_api_key(database, hash_api_key("gk_test_of_old"))


OPEN = {
    "/health/live", "/health/ready", "/v1/openapi.json", "/problems", "/problems/{code}", "/docs",
    "/docs/{file}",
}  # fmt: skip


async def test_every_route_but_health_and_description_needs_a_key(database, tmp_path):
    async with run_api(database, tmp_path) as api:
        for route in API_ROUTES:
            if route.path not in OPEN:
                path = route.path.format(id="x", participant="0208:0123456749", number="1")
                for key, code in [(None, "no-api-key"), ("gk_test_wrong", "wrong-api-key")]:
                    header = {"Authorization": None if key is None else f"Bearer {key}"}
                    status, headers, problem = await ask(api, route.method, path, headers=header)
                    assert (status, problem["code"]) == (401, code), path
                    assert headers["WWW-Authenticate"] == 'Bearer realm="gateway"'


async def test_without_a_key_nobody_learns_which_addresses_there_are(database, tmp_path):
    async with run_api(database, tmp_path) as api:
        status, _, problem = await ask(api, "GET", "/v1/nothing", headers={"Authorization": None})
        assert (status, problem["code"]) == (401, "no-api-key")


async def test_what_is_no_key_is_refused(database, tmp_path):
    async with run_api(database, tmp_path) as api:
        for text, code in [
            ("", "no-api-key"), ("Bearer", "no-api-key"), ("Bearer ", "no-api-key"),
            ("Basic Zm9v", "no-api-key"), (api.key, "no-api-key"),
            (f"Bearer {api.key}x", "wrong-api-key"), ("Bearer " + "k" * 5000, "wrong-api-key"),
            ("Bearer k\u00e9", "wrong-api-key"),
        ]:  # fmt: skip
            status, _, problem = await ask(
                api, "GET", "/v1/documents", headers={"Authorization": text}
            )
            assert (status, problem["code"]) == (401, code), text
        status, _, _ = await ask(
            api, "GET", "/v1/documents", headers={"Authorization": f"bearer {api.key}"}
        )
        assert status == 200


async def test_health_needs_no_key(database, tmp_path):
    async with run_api(database, tmp_path) as api:
        for path, state in (("/health/live", "live"), ("/health/ready", "ready")):
            status, _, body = await ask(api, "GET", path, headers={"Authorization": None})
            assert (status, body) == (200, {"status": state})


@pytest.mark.parametrize(
    ("text", "plain"),
    [("", True), ("a\n€😀", True), ("a\0", False), ("\ud800", False), ("x\udfff", False)],
)
def test_text_that_no_column_can_hold_is_recognised(text, plain):
    assert is_plain_text(text) is plain
