"""API keys: how they are made, kept and asked for."""

import stat

import pytest

from gateway.clock import SystemClock
from gateway.settings import Settings, Stage
from gateway.store.dossiers import ensure_default_dossier
from gateway.store.keys import find_api_key
from gateway.web.routes import API_ROUTES
from gateway.web.security import ensure_first_key, hash_api_key, is_plain_text, new_api_key
from tests.support.api import ask, run_api

CLOCK = SystemClock()


@pytest.mark.parametrize(
    ("stage", "prefix"),
    [(Stage.SANDBOX, "gk_test_"), (Stage.TEST, "gk_test_"), (Stage.PRODUCTION, "gk_live_")],
)
def test_a_key_shows_its_stage_and_is_random(stage, prefix):
    one, two = new_api_key(CLOCK, stage), new_api_key(CLOCK, stage)
    assert one.startswith(prefix)
    assert len(one) == len(prefix) + 43
    assert one != two


async def a_first_key(database, folder, dossier=None):
    settings = Settings(stage=Stage.SANDBOX, data_dir=folder)
    if dossier is None:
        dossier = await ensure_default_dossier(
            database, dossier_id=CLOCK.uuid(), name="Blue", country="BE", now=CLOCK.now()
        )
    path = await ensure_first_key(database, dossier.id, clock=CLOCK, settings=settings)
    return path, dossier


async def test_the_first_key_is_in_a_file_for_us_alone_and_opens_the_dossier(database, tmp_path):
    path, dossier = await a_first_key(database, tmp_path / "data")
    assert path == tmp_path / "data" / "api-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_text().strip()
    assert await find_api_key(database, hash_api_key(key)) == dossier.id
    assert [each.name for each in path.parent.iterdir()] == ["api-key"]


async def test_a_key_that_is_there_is_kept(database, tmp_path):
    path, dossier = await a_first_key(database, tmp_path)
    before = path.read_text()
    await a_first_key(database, tmp_path, dossier)
    assert path.read_text() == before


async def test_a_key_is_made_known_to_a_database_that_does_not_know_it(database, tmp_path):
    (tmp_path / "api-key").write_text("gk_test_of_old\n")
    _, dossier = await a_first_key(database, tmp_path)
    assert await find_api_key(database, hash_api_key("gk_test_of_old")) == dossier.id


async def test_every_route_but_health_needs_a_key(database, tmp_path):
    async with run_api(database, tmp_path) as api:
        for route in API_ROUTES:
            if not route.path.startswith("/health"):
                path = route.path.format(id="x", participant="0208:0123456749")
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
