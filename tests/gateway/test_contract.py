"""What the API answers is what its description says: examples are sent, media types asked for."""

import pytest

from tests.support.api import run_api
from tests.support.contract import document, instants_elsewhere, operations
from tests.support.world import Answering, World, fill, ping, requests

ANY = {"*/*", "any", "text/css"}
"""What says no media type, or one of several that are asked for one by one elsewhere."""


@pytest.fixture
async def world(database, tmp_path):
    async with run_api(database, tmp_path, finder=Answering(), ping=ping) as api:
        yield World(api)


async def test_each_example_of_a_request_gets_the_answer_that_is_described(world):
    await world.send("PUT", "/v1/participants/{participant}")
    for method, path, media, example in sorted(requests(), key=lambda each: each[1].count("/")):
        described = min(document()["paths"][path][method.lower()]["responses"])
        status, body = await world.post(method, path, media, example)
        assert status == int(described), f"{method} {path}: {body}"
        if path in {"/v1/validate", "/v1/documents"}:
            assert body["valid"] is True
        if path == "/v1/documents/batch":
            assert [each["status"] for each in body["results"]] == [202, 202]


async def test_every_operation_answers_in_every_media_type_that_is_described(world):
    await fill(world)
    calls = [(method, path) for method, path, _ in operations()]
    for method, path in sorted(calls, key=lambda each: each[0] == "DELETE"):
        if (method, path) not in {(each[0], each[1]) for each in requests()}:
            status, body = await world.send(method, path)
            assert status < 300, f"{method} {path}: {body}"
    await world.send("GET", "/docs/{file}")
    wanted = {
        (method, path, media)
        for method, path, operation in operations()
        for media in operation["responses"][min(operation["responses"])].get("content", ["any"])
    }
    named = {each for each in wanted if each[2] not in ANY}
    assert named - world.answered == set()
    assert {each[:2] for each in wanted} == {each[:2] for each in world.answered}


def test_instants_of_other_zones_are_found_in_an_answer():
    utc = {"at": "2026-11-22T10:00:00Z", "text": "since 2026-11-22T10:00:00+05:00"}
    elsewhere = ["2026-11-22T10:00:00.5+05:00", "2026-11-22 10:00:00+00:00", "2026-11-22T10:00:00"]
    assert instants_elsewhere({"events": [utc, {"at": elsewhere}]}) == elsewhere
