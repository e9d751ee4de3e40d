"""Bad requests to every route, derived from its description: told of, and nothing changes."""

import json
from pathlib import Path

import asyncpg
import pytest

from gateway.web.help import catalogue
from tests.support import spoilt
from tests.support.api import ask, run_api
from tests.support.contract import PROBLEM, check_answer, operations
from tests.support.spoilt import Spoilt
from tests.support.world import Answering, World, fill, ping

NOT_ENTERED = {"/v1/documents/batch": ("invoice",)}
"""Fields that are an invoice's form, which is walked where it is handed in alone."""

TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""


@pytest.fixture
async def world(database, tmp_path):
    options = {"finder": Answering(), "ping": ping, "api_requests_per_minute": 1_000_000}
    async with run_api(database, tmp_path, **options) as api:
        world = World(api)
        await fill(world)
        yield world


async def state_of(dsn, archive: Path):
    """All that is kept: each table's rows as one digest, and the archive's files."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = [row[0] for row in await connection.fetch(TABLES)]
        rows = {
            table: await connection.fetchval(
                "SELECT md5(string_agg(row, '' ORDER BY row)) FROM"
                f" (SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM {table} t) r"
            )
            for table in tables
        }
    finally:
        await connection.close()
    return rows, files_of(archive)


def files_of(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def address_of(world, method, path):
    segment = path.split("/")[2]
    one = world.special.get(path, world.ids.get(segment))
    return path.format(id=one, participant="0208:0123456749", number=1, code="x", file="x")


def with_json():
    """Each operation that takes JSON with a schema: method, path, schema, a good example."""
    for method, path, operation in operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            yield method, path, content["schema"], content["example"]


def refusals(path, status, body):
    """The problems in an answer: it is one, or the only result of a batch is."""
    if path == "/v1/documents/batch" and status == 200:
        return [each["problem"] for each in body["results"] if each["status"] >= 400]
    return [body] if status >= 400 else []


def relative(status, place):
    """The place as the problem says it: an item of a batch, and its form, are told on their own."""
    if status != 200:
        return place
    return () if place[2:] == ("invoice",) else place[2:]


async def complaint(world, method, path, bad):
    """What is wrong with the answer to a bad body; None when it is as it has to be."""
    address = address_of(world, method, path)
    headers = {"Content-Type": "application/json"}
    status, got, body = await ask(world.api, method, address, data=bad.data, headers=headers)
    check_answer(method, address, status, got, body)
    problems = refusals(path, status, body)
    if not problems or any(each["status"] >= 500 for each in problems):
        return status, body
    if bad.place is None:
        return None
    known = all(each["code"] in catalogue() for each in problems)
    errors = [error for each in problems for error in each["errors"]]
    named = any(spoilt.is_named(relative(status, bad.place), each) for each in errors)
    return None if known and named else (status, body)


async def test_a_field_that_is_wrong_is_named_and_nothing_changes(world, dsn, tmp_path):
    before, wrong = await state_of(dsn, tmp_path / "archive"), []
    for method, path, schema, example in with_json():
        whole = NOT_ENTERED.get(path, ())
        for bad in spoilt.spoilt_bodies(schema, example, whole=whole):
            answer = await complaint(world, method, path, bad)
            if answer is not None:
                wrong.append((f"{method} {path}", bad.name, bad.place, answer))
    assert not wrong, wrong
    assert await state_of(dsn, tmp_path / "archive") == before


async def test_a_body_that_is_no_object_is_refused_and_nothing_changes(world, dsn, tmp_path):
    before, wrong = await state_of(dsn, tmp_path / "archive"), []
    for method, path, _, _ in with_json():
        for name, data in spoilt.broken_bodies().items():
            answer = await complaint(world, method, path, Spoilt(name, None, data))
            if answer is not None:
                wrong.append((f"{method} {path}", name, answer))
    assert not wrong, wrong
    assert await state_of(dsn, tmp_path / "archive") == before


async def test_a_parameter_that_is_wrong_is_named_and_nothing_changes(world, dsn, tmp_path):
    before, wrong = await state_of(dsn, tmp_path / "archive"), []
    for method, path, operation in operations():
        for bad in spoilt.spoilt_parameters(operation["parameters"]):
            answer = await refused(world, method, path, operation, bad)
            if answer is not None:
                wrong.append((f"{method} {path}", bad, answer))
    assert not wrong, wrong
    assert await state_of(dsn, tmp_path / "archive") == before


async def refused(world, method, path, operation, bad):
    """What is wrong with the answer to a wrong parameter; None when it is as it has to be."""
    content = operation.get("requestBody", {}).get("content", {})
    media, body = next(iter(content.items()), (None, {}))
    example = body.get("example", "")
    data = example if isinstance(example, str) else json.dumps(example)
    headers = {} if media is None else {"Content-Type": media}
    address = address_of(world, method, path)
    if bad.where == "path":
        address = address_of(world, method, path.replace(f"{{{bad.name}}}", bad.value))
    elif bad.where == "query":
        address = f"{address}?{bad.name}={bad.value}"
    else:
        headers[bad.name] = bad.value
    status, got, answer = await ask(
        world.api, method, address, data=data.encode() if data else None, headers=headers
    )
    if got["Content-Type"] != PROBLEM or not 400 <= status < 500:
        return status, answer
    check_answer(method, address_of(world, method, path), status, got, answer)
    named = any(bad.name in f"{each['location']} {each['message']}" for each in answer["errors"])
    return (
        None
        if (named or answer["code"].endswith("not-found")) and answer["code"] in catalogue()
        else (status, answer)
    )
