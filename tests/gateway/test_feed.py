"""Polling over the API: events, what changed, the inbox and its `ack`."""

from datetime import datetime

import pytest

from gateway.client import each
from gateway.store.documents import append_event, insert_document
from tests.support.api import a_cursor, an_invoice, another_dossier, ask, post
from tests.support.store import NOW, a_document, execute, later


async def a_sent(api, number):
    return (await post(api, an_invoice(number=number)))[2]["id"]


async def a_received(api):
    document = a_document(direction="in", status="delivered", content=None)
    async with api.services.db.transaction(api.dossier) as tx:
        await insert_document(tx, document)
        await append_event(tx, document.id, "received", {}, now=NOW)
    return str(document.id)


async def get(api, path, **given):
    status, _, body = await ask(api, "GET", path, **given)
    return status, body


async def test_a_poller_gets_every_event_once_and_keeps_its_place(api, client):
    await client.register_participant("0208:0123456749")
    first = await a_sent(api, "1")
    _, page = await get(api, "/v1/events?limit=1")
    assert (len(page["events"]), page["has_more"]) == (1, True)
    [event] = page["events"]
    assert (event["document_id"], event["seq"], event["type"]) == (first, 1, "document.accepted")
    assert event["id"] == f"evt_{first.replace('-', '')}_1"
    assert datetime.fromisoformat(event["at"]).tzinfo is not None
    _, rest = await get(api, f"/v1/events?cursor={page['next_cursor']}")
    assert [each["seq"] for each in rest["events"]] == [2]
    _, none = await get(api, f"/v1/events?cursor={rest['next_cursor']}")
    assert none == {"events": [], "has_more": False, "next_cursor": rest["next_cursor"]}
    second = await a_sent(api, "2")
    _, more = await get(api, f"/v1/events?cursor={none['next_cursor']}")
    assert {each["document_id"] for each in more["events"]} == {second}


async def test_a_page_since_an_instant_passes_over_so_many_events_and_no_more(api, monkeypatch):
    monkeypatch.setattr("gateway.store.feed.PASSED_MAX", 3)
    async with api.services.db.transaction(api.dossier) as tx:
        document = await insert_document(tx, a_document())
        # One transaction wrote all, as those events that are older than places are.
        for minute in range(8):
            await append_event(tx, document.id, "tried", {}, now=later(60 * minute))
    path = f"/v1/events?since={later(60 * 6):%Y-%m-%dT%H:%M:%SZ}"
    told, pages, cursor = [], [], ""
    while not pages or pages[-1]:
        _, page = await get(api, f"{path}{cursor}")
        told += [each["seq"] for each in page["events"]]
        pages.append(page["has_more"])
        cursor = f"&cursor={page['next_cursor']}"
    assert (told, pages) == ([8], [True, True, False])
    assert (await get(api, f"{path}{cursor}"))[1]["events"] == []


async def test_documents_that_changed_since_an_instant_can_be_asked_for(api, client):
    await client.register_participant("0208:0123456749")
    first, second = await a_sent(api, "1"), await a_sent(api, "2")
    _, all_of_them = await get(api, "/v1/documents?updated_after=2020-01-01T00:00:00Z")
    assert [each["id"] for each in all_of_them["documents"]] == [first, second]
    later = "2999-01-01T00:00:00%2B01:00"
    _, none = await get(api, f"/v1/documents?updated_after={later}")
    assert none["documents"] == []
    cursor = all_of_them["next_cursor"]
    path = f"/v1/documents?updated_after=2020-01-01T00:00:00Z&cursor={cursor}"
    assert (await get(api, path))[1]["documents"] == []
    _, inbound = await get(api, "/v1/documents?updated_after=2020-01-01T00:00:00Z&direction=in")
    assert inbound["documents"] == []


async def test_a_walk_by_changes_meets_each_document_once_on_pages_of_any_size(api, client):
    ids = []
    for number in range(3):
        async with api.services.db.transaction(api.dossier) as tx:
            ids.append((await insert_document(tx, a_document(number=str(number)))).id)
            for name in ("accepted", "tried", "tried"):
                await append_event(tx, ids[-1], name, {}, now=NOW)
    for limit in (1, 2, 50):
        walk = each(client.list_documents, limit=limit, updated_after=later(-60))
        assert [document.id async for document in walk] == ids


async def test_a_received_document_is_in_the_inbox_until_it_is_acknowledged(api):
    received = await a_received(api)
    _, inbox = await get(api, "/v1/inbox")
    assert [each["id"] for each in inbox["documents"]] == [received]
    path = f"/v1/documents/{received}/ack"
    status, _, taken = await ask(api, "POST", path)
    assert (status, taken["id"]) == (200, received)
    assert taken["acknowledged_at"] is not None
    assert (await get(api, "/v1/inbox"))[1]["documents"] == []
    assert (await ask(api, "POST", path))[2] == taken
    _, timeline = await get(api, f"/v1/documents/{received}/timeline")
    assert [each["name"] for each in timeline["events"]] == ["received", "acknowledged"]


async def test_the_inbox_comes_page_by_page_the_oldest_first(api):
    ids = {await a_received(api) for _ in range(3)}
    _, one = await get(api, "/v1/inbox?limit=2")
    _, two = await get(api, f"/v1/inbox?limit=2&cursor={one['next_cursor']}")
    seen = [each["id"] for each in (*one["documents"], *two["documents"])]
    assert (len(seen), set(seen), two["has_more"]) == (3, ids, False)


async def test_what_was_not_received_cannot_be_acknowledged(api, client):
    await client.register_participant("0208:0123456749")
    sent = await a_sent(api, "1")
    status, _, problem = await ask(api, "POST", f"/v1/documents/{sent}/ack")
    assert (status, problem["code"]) == (409, "not-in-inbox")


async def test_a_foreign_document_is_not_there(api, database):
    received = await a_received(api)
    key = await another_dossier(database)
    status, _, problem = await ask(api, "POST", f"/v1/documents/{received}/ack", key=key)
    assert (status, problem["code"]) == (404, "document-not-found")
    assert (await get(api, "/v1/inbox", key=key))[1]["documents"] == []
    assert (await get(api, "/v1/events", key=key))[1]["events"] == []
    await execute(api.services.db, api.dossier, "SELECT 1")


@pytest.mark.parametrize(
    "path", ["/v1/events?", "/v1/documents?updated_after=2020-01-01T00:00:00Z&"]
)
async def test_a_place_that_a_restore_took_away_is_told_to_its_poller(api, path):
    await a_received(api)
    _, page = await get(api, path)
    xid, document, seq, _ = page["next_cursor"].split(".")
    later = f"{int(xid) + 1_000_000}.{document}.{seq}"
    cursor = a_cursor(api, path.partition("?")[0], later)
    status, problem = await get(api, f"{path}cursor={cursor}")
    assert (status, problem["code"]) == (422, "cursor-ahead")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/events?cursor=1", "bad-cursor"),
        ("/v1/events?since=yesterday", "bad-since"),
        ("/v1/events?since=2026-01-01T00:00:00", "bad-since"),
        ("/v1/documents?updated_after=0001-01-01T00:00:00%2B05:00", "bad-updated-after"),
        ("/v1/documents?updated_after=2026-01-01T00:00:00Z&cursor=1", "bad-cursor"),
        ("/v1/documents?updated_after=2026-01-01T00:00:00Z&direction=up", "bad-direction"),
        ("/v1/documents?updated_after=2026-01-01T00:00:00Z&status=lost", "bad-status"),
        ("/v1/inbox?cursor=x", "bad-cursor"),
        ("/v1/inbox?limit=0", "bad-limit"),
    ],
)
async def test_what_is_no_place_or_instant_is_refused(api, path, code):
    """An instant has an offset.  [RFC3339 §5.6]"""
    status, problem = await get(api, path)
    assert (status, problem["code"]) == (422, code)


@pytest.mark.parametrize(
    "place", ["1", f"{1 << 63}.{'0' * 32}.1", f"1.{'0' * 32}.{1 << 31}", f"1.{'0' * 32}"]
)
async def test_a_marked_cursor_that_is_no_place_is_refused(api, place):
    cursor = a_cursor(api, "/v1/events", place)
    status, problem = await get(api, f"/v1/events?cursor={cursor}")
    assert (status, problem["code"]) == (422, "bad-cursor")
