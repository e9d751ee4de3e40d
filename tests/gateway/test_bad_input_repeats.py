"""Every POST repeated and sent many times at once is done once; what is another's is not met."""

import asyncio
import json

import asyncpg
import pytest

from tests.support.api import an_invoice, another_dossier, ask, run_api
from tests.support.contract import check_answer, operations
from tests.support.imports import NDJSON, lines, ubl_line
from tests.support.world import Answering, World, fill, ping

AT_ONCE = 8
LEFT = ("/v1/api-keys/{id}/rotate", "/v1/webhook-endpoints/{id}/rotate-secret")
FRESH = {
    "/v1/documents": ("application/xml", an_invoice(number="R-1")),
    "/v1/documents/batch": (
        "application/json",
        json.dumps({"documents": [ubl_line("R-2")]}).encode(),
    ),
    "/v1/imports": (NDJSON, lines(ubl_line("R-3"))),
    "/v1/dossiers": ("application/json", b'{"name": "R", "country": "BE", "reference": "R"}'),
}
"""What is handed in where the example was handed in before."""

MADE = {
    "/v1/documents": "documents",
    "/v1/documents/batch": "documents",
    "/v1/documents/{id}/ack": "document_events",
    "/v1/documents/{id}/retry": "document_events",
    "/v1/documents/{id}/cancel": "document_events",
    "/v1/imports": "imports",
    "/v1/imports/{id}/cancel": "document_events",
    "/v1/dossiers": "dossiers",
    "/v1/api-keys": "api_keys",
    "/v1/api-keys/{id}/rotate": "api_keys",
    "/v1/api-keys/{id}/revoke": None,
    "/v1/webhook-endpoints": "webhook_endpoints",
    "/v1/webhook-endpoints/{id}/rotate-secret": "webhook_secrets",
    "/v1/webhook-endpoints/{id}/test": "webhook_deliveries",
    "/v1/webhook-endpoints/{id}/replay": None,  # the example rewinds: deliveries follow later
    "/v1/validate": None,
    "/v1/ping/{participant}": None,
}
"""Of what each POST makes one row."""


@pytest.fixture
async def world(database, tmp_path):
    options = {"finder": Answering(), "ping": ping, "api_requests_per_minute": 1_000_000}
    async with run_api(database, tmp_path, **options) as api:
        world = World(api)
        await fill(world, leaving=LEFT)
        yield world


def address_of(world, path):
    one = world.special.get(path, world.ids.get(path.split("/")[2]))
    return path.format(id=one, participant="0208:0123456749", number=1, code="x", file="x")


def posts():
    """Every POST: path, media type, body."""
    for method, path, operation in operations():
        if method == "POST":
            content = operation.get("requestBody", {}).get("content", {})
            media, body = next(iter(content.items()), (None, {}))
            example = body.get("example", "")
            data = example if isinstance(example, str) else json.dumps(example)
            yield path, *FRESH.get(path, (media, data.encode()))


async def rows_of(dsn, table):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(f"SELECT count(*) FROM {table}") if table else 0
    finally:
        await connection.close()


async def send(world, path, media, data, key=None):
    headers = {} if media is None else {"Content-Type": media}
    headers |= {} if key is None else {"Idempotency-Key": key}
    address = address_of(world, path)
    status, got, body = await ask(world.api, "POST", address, data=data or None, headers=headers)
    check_answer("POST", address, status, got, body)
    return status, got.get("Idempotent-Replayed") == "true", body


async def many(world, *request, key=None):
    async with asyncio.TaskGroup() as group:
        sent = [group.create_task(send(world, *request, key=key)) for _ in range(AT_ONCE)]
    return [each.result() for each in sent]


def test_every_post_is_known_with_what_it_makes():
    assert {path for path, *_ in posts()} == set(MADE)


async def test_every_post_sent_at_once_and_again_under_one_key_is_done_once(world, dsn):
    for path, media, data in posts():
        before = await rows_of(dsn, MADE[path])
        answers = await many(world, path, media, data, key=f"once-{path}")
        done = [body for status, _, body in answers if status < 300]
        others = {body["code"] for status, _, body in answers if status >= 300}
        assert done, (path, answers)
        assert others <= {"idempotency-key-in-flight", "too-many-at-once"}, path
        assert all(body == done[0] for body in done), path
        status, replayed, body = await send(world, path, media, data, key=f"once-{path}")
        assert (status < 300, replayed, body) == (True, True, done[0]), path
        assert await rows_of(dsn, MADE[path]) == before + (MADE[path] is not None), path


async def test_a_key_that_was_used_with_another_body_is_refused(world, dsn):
    for path, media, data in posts():
        if data:
            key = f"other-{path}"
            assert (await send(world, path, media, data, key=key))[0] < 300, path
            before = await rows_of(dsn, MADE[path])
            more = data + (b"\n" + data if media == NDJSON else b"\n")
            status, _, problem = await send(world, path, media, more, key=key)
            assert (status, problem["code"]) == (422, "idempotency-key-reused"), path
            assert await rows_of(dsn, MADE[path]) == before, path


async def test_one_document_sent_at_once_without_a_key_is_accepted_once(world, dsn):
    before = await rows_of(dsn, "documents")
    answers = await many(world, "/v1/documents", "application/xml", an_invoice(number="C-1"))
    assert [status for status, *_ in answers].count(202) == 1
    refused = {body["code"] for status, _, body in answers if status != 202}
    assert refused <= {"duplicate-number", "too-many-at-once"}
    assert await rows_of(dsn, "documents") == before + 1


async def test_what_is_another_dossiers_is_not_there_on_any_route(world, database):
    key = await another_dossier(database)
    for method, path, operation in operations():
        if "{id}" in path:
            content = operation.get("requestBody", {}).get("content", {})
            example = next(iter(content.values()), {}).get("example")
            given = {} if example is None else {"json": example}
            address = address_of(world, path)
            status, _, problem = await ask(world.api, method, address, key=key, **given)
            assert status == 404, (method, path, problem)
            assert problem["code"].endswith("-not-found"), (method, path, problem)


def lists():
    """The addresses of all lists, and of documents in the order of their changes."""
    found = [
        path
        for _, path, operation in operations()
        if "cursor" in {each["name"] for each in operation["parameters"]}
    ]
    return [f"{path}?limit=1" for path in found] + [
        "/v1/documents?limit=1&updated_after=2020-01-01T00:00:00Z"
    ]


async def pages_of(world, key=None):
    """The address of each list and what it shows first, one row long."""
    found = {}
    for path in lists():
        address = address_of(world, path)
        status, _, page = await ask(world.api, "GET", address, key=key)
        assert status == 200, (path, page)
        found[address] = page
    return found


async def refuse_cursor(world, address, cursor, key=None):
    status, _, problem = await ask(world.api, "GET", f"{address}&cursor={cursor}", key=key)
    assert (status, problem.get("code")) == (422, "bad-cursor"), (address, cursor, problem)
    assert problem["errors"][0]["location"] == "cursor"


async def test_a_cursor_of_another_list_is_refused_on_every_list(world):
    pages = await pages_of(world)
    given = {path: page["next_cursor"] for path, page in pages.items() if page["next_cursor"]}
    assert len(given) >= 4
    for path, cursor in given.items():
        for other in pages.keys() - {path}:
            await refuse_cursor(world, other, cursor)


async def test_a_cursor_of_another_dossier_is_refused_on_every_list(world, database):
    """A cursor is a place and no right, and a place in one company's books alone."""
    key = await another_dossier(database)
    tried = 0
    for path, page in (await pages_of(world)).items():
        if page["next_cursor"]:
            address = f"{path}&cursor={page['next_cursor']}"
            status, _, problem = await ask(world.api, "GET", address, key=key)
            of_a_thing = len(path.partition("?")[0].split("/")) > 3
            wanted = (404, None) if of_a_thing else (422, "bad-cursor")
            assert status == wanted[0], (path, problem)
            assert wanted[1] in {None, problem["code"]}, (path, problem)
            tried += 1
    assert tried >= 4


async def test_a_cursor_that_was_changed_is_refused_on_every_list(world):
    for path, page in (await pages_of(world)).items():
        cursor = page["next_cursor"]
        if cursor:
            other = "1" if cursor[0] != "1" else "2"
            ends = cursor[:-1] + ("0" if cursor[-1] != "0" else "1")
            for spoilt in (
                other + cursor[1:],
                ends,
                cursor + "0",
                cursor[:-17],
                cursor + ".0" * 50,
            ):
                await refuse_cursor(world, path, spoilt)
