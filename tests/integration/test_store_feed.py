"""The feed of a dossier: complete and in order for who keeps his place, whatever commits when."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from gateway.clock import SystemClock
from gateway.store.deliveries import Finished, finish_received
from gateway.store.documents import Step, append_event, insert_document
from gateway.store.feed import (
    START,
    About,
    acknowledge,
    append_notice,
    find_event,
    find_place,
    list_inbox,
    read_changes,
    read_feed,
)
from tests.support.store import NOW, a_document, a_dossier

CLOCK = SystemClock()
LONG_AGO = NOW - timedelta(days=3650)


@pytest.fixture
async def dossier(database):
    return await a_dossier(database)


async def a_stored(database, dossier, *, at=NOW, **changed):
    document = a_document(**changed)
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        await append_event(tx, document.id, "accepted", {}, now=at)
    return document.id


async def follow(database, dossier, after, *, since=LONG_AGO, limit=2):
    """Read to the end of the feed; return all that was there, and the place behind it."""
    seen = []
    while True:
        async with database.transaction(dossier) as tx:
            page = await read_feed(tx, after=after, since=since, limit=limit)
        if not page:
            return seen, after
        seen += [(each.subject_id, each.event.seq) for each in page]
        after = page[-1].place


async def test_events_come_in_the_order_of_their_commits_and_each_once(database, dossier):
    ids = [await a_stored(database, dossier) for _ in range(5)]
    seen, place = await follow(database, dossier, START)
    assert seen == [(each, 1) for each in ids]
    async with database.transaction(dossier) as tx:
        await append_event(tx, ids[0], "sent", {}, now=NOW)
    assert (await follow(database, dossier, place))[0] == [(ids[0], 2)]


async def test_what_commits_late_comes_late_and_is_not_lost(database, dossier):
    first = await a_stored(database, dossier)
    async with database.transaction(dossier) as slow:
        late = a_document()
        await insert_document(slow, late)
        await append_event(slow, late.id, "accepted", {}, now=NOW)
        behind = await a_stored(database, dossier)
        seen, place = await follow(database, dossier, START)
        # What was written after the slow one waits for it.
        assert seen == [(first, 1)]
    assert (await follow(database, dossier, place))[0] == [(late.id, 1), (behind, 1)]


async def test_a_poller_beside_many_writers_misses_nothing_and_sees_nothing_twice(
    database, dossier
):
    written, seen = [], []

    async def write(pause):
        for _ in range(6):
            document = a_document()
            async with database.transaction(dossier) as tx:
                await insert_document(tx, document)
                await append_event(tx, document.id, "accepted", {}, now=CLOCK.now())
                await asyncio.sleep(pause)
            written.append((document.id, 1))

    async def poll():
        place = START
        while len(seen) < 24:
            found, place = await follow(database, dossier, place)
            seen.extend(found)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        for pause in (0, 0.003, 0.007, 0.02):
            group.create_task(write(pause))
        group.create_task(poll())
    assert sorted(seen) == sorted(written)


async def test_a_foreign_dossier_s_events_are_not_in_the_feed(database, dossier):
    await a_stored(database, await a_dossier(database))
    assert await follow(database, dossier, START) == ([], START)


async def test_an_instant_leads_to_the_place_before_what_happened_since(database, dossier):
    ids = [await a_stored(database, dossier, at=NOW + timedelta(hours=hour)) for hour in range(8)]
    for hour in range(-1, 8):
        since = NOW + timedelta(hours=hour)
        async with database.transaction(dossier) as tx:
            place = await find_place(tx, since)
        seen, _ = await follow(database, dossier, place, since=since)
        assert [document for document, _ in seen] == ids[hour + 1 :]


async def test_the_place_of_an_instant_is_near_it(database, dossier):
    for hour in range(8):
        await a_stored(database, dossier, at=NOW + timedelta(hours=hour))
    async with database.transaction(dossier) as tx:
        place = await find_place(tx, NOW + timedelta(hours=6))
    # All that is left to skip is what may have been written out of order.
    assert len((await follow(database, dossier, place))[0]) <= 3


async def walk(database, dossier, read, *, limit=2, meanwhile=None, **given):
    """Read page by page to the end; return the documents, and how many there were on each page."""
    seen, sizes, place = [], [], START
    while True:
        async with database.transaction(dossier) as tx:
            stretch = await read(tx, after=place, limit=limit, **given)
        seen += stretch.documents
        sizes.append(len(stretch.documents))
        place = stretch.place
        if meanwhile is not None:
            await meanwhile(len(sizes))
        if not stretch.has_more:
            return seen, sizes


async def test_what_was_dated_before_its_turn_hides_nothing_from_who_asks_by_time(
    database, dsn, dossier
):
    told = await a_stored(database, dossier, at=NOW + timedelta(minutes=5))
    late = await a_stored(database, dossier, at=NOW)
    connection = await asyncpg.connect(dsn)
    for document, xid in ((told, 10), (late, 100)):
        await connection.execute(
            "UPDATE document_events SET xid = $2::text::xid8 WHERE document_id = $1",
            document,
            str(xid),
        )
    await connection.close()
    since = NOW + timedelta(minutes=2)
    async with database.transaction(dossier) as tx:
        place = await find_place(tx, since)
    assert (await follow(database, dossier, place, since=since))[0] == [(told, 1)]


async def test_who_writes_in_another_database_of_the_server_holds_nothing_up(
    database, postgres, dossier
):
    elsewhere = await asyncpg.connect(postgres.postgres.dsn)
    await elsewhere.execute("BEGIN; SELECT pg_current_xact_id()")
    document = await a_stored(database, dossier)
    assert (await follow(database, dossier, START))[0] == [(document, 1)]
    await elsewhere.close()


async def test_who_ends_in_another_database_while_one_reads_holds_nothing_up(
    database, postgres, dossier
):
    async def come_and_go():
        elsewhere = await asyncpg.connect(postgres.postgres.dsn)
        try:
            while len(seen) < 300:
                await elsewhere.execute("BEGIN; SELECT pg_current_xact_id()")
                await asyncio.sleep(0.003)
                await elsewhere.execute("COMMIT")
        finally:
            await elsewhere.close()

    seen, written, place = [], [], START
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(come_and_go())
        for _ in range(300):
            written.append((await a_stored(database, dossier), 1))
            found, place = await follow(database, dossier, place)
            seen += found or [None]
    assert seen == written


async def test_documents_that_changed_are_listed_as_they_are_now(database, dossier):
    ids = [await a_stored(database, dossier) for _ in range(3)]
    async with database.transaction(dossier) as tx:
        await append_event(tx, ids[0], "sent", {}, now=NOW)
        await a_stored(database, await a_dossier(database))
        stretch = await read_changes(tx, since=LONG_AGO, limit=10)
    # Its own transaction is still running, whoever came and went: what it changed comes when that
    # is over.
    assert [each.id for each in stretch.documents] == ids[1:]
    async with database.transaction(dossier) as tx:
        stretch = await read_changes(tx, since=LONG_AGO, limit=10)
        assert [each.id for each in stretch.documents] == [ids[1], ids[2], ids[0]]
        assert not stretch.has_more
        again = await read_changes(tx, after=stretch.place, since=LONG_AGO, limit=10)
        assert (again.documents, again.place) == ([], stretch.place)
        short = await read_changes(tx, since=LONG_AGO, limit=1)
        assert ([each.id for each in short.documents], short.has_more) == ([ids[1]], True)


async def test_a_walk_by_changes_gives_each_document_once_however_much_happened(database, dossier):
    ids = [await a_stored(database, dossier) for _ in range(7)]
    for _ in range(4):
        for each in ids:
            async with database.transaction(dossier) as tx:
                await append_event(tx, each, "tried", {}, now=NOW)
    seen, sizes = await walk(database, dossier, read_changes, since=LONG_AGO)
    assert [each.id for each in seen] == ids
    assert sizes == [2, 2, 2, 1]


async def test_a_narrowed_walk_by_changes_has_full_pages(database, dossier):
    ids = [
        await a_stored(database, dossier, status=status)
        for _ in range(5)
        for status in ("accepted", "failed", "sending")
    ]
    seen, sizes = await walk(database, dossier, read_changes, since=LONG_AGO, status="failed")
    assert [each.id for each in seen] == ids[1::3]
    assert sizes == [2, 2, 1]
    received, sizes = await walk(
        database, dossier, read_changes, since=LONG_AGO, direction="in", status="failed"
    )
    assert (received, sizes) == ([], [0])
    later = {"since": NOW, "direction": "out"}
    assert await walk(database, dossier, read_changes, **later) == ([], [0])


async def test_what_changes_during_a_walk_comes_again_and_nothing_is_lost(database, dossier):
    ids = [await a_stored(database, dossier) for _ in range(6)]

    async def change(page):
        if page <= 2:
            async with database.transaction(dossier) as tx:
                await append_event(tx, ids[0 if page == 1 else 5], "sent", {}, now=NOW)

    seen, _ = await walk(database, dossier, read_changes, since=LONG_AGO, meanwhile=change)
    # The first was shown and changed: it comes again; the last changed before its turn.
    assert [each.id for each in seen] == [*ids[:5], ids[0], ids[5]]


async def test_a_walk_by_changes_beside_writers_ends_with_each_document_as_it_is(database, dossier):
    ids = [await a_stored(database, dossier) for _ in range(8)]
    shown, place = {}, START

    async def write(mine, pause):
        for number in range(5):
            async with database.transaction(dossier) as tx:
                for each in mine:
                    at = NOW + timedelta(seconds=number)
                    await append_event(tx, each, "tried", {}, now=at)
                    await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as group:
        writers = [
            group.create_task(write(ids[first::3], pause))
            for first, pause in enumerate((0, 0.002, 0.005))
        ]
        over = False
        while not over:
            over = all(each.done() for each in writers)
            more = True
            while more:
                async with database.transaction(dossier) as tx:
                    page = await read_changes(tx, after=place, since=LONG_AGO, limit=3)
                shown |= {each.id: each.updated_at for each in page.documents}
                place, more = page.place, page.has_more
            await asyncio.sleep(0)
    assert shown == dict.fromkeys(ids, NOW + timedelta(seconds=4))


async def a_received(database, dossier, **changed):
    given = {"direction": "in", "status": "received", "content": None}
    return await a_stored(database, dossier, **given | changed)


async def arrive(database, dossier, document, meanwhile=None):
    """Let a received document come into the inbox, and something else happen before it is so."""
    done = Finished(
        document_id=document, status="delivered", kind=None, number=None, content_sha256=None,
        size_bytes=None, steps=[Step(NOW, "delivered", {})],
    )  # fmt: skip
    async with database.transaction(dossier) as tx:
        assert await finish_received(tx, [done], now=NOW) == {document}
        if meanwhile is not None:
            await meanwhile()


async def test_the_inbox_is_in_the_order_of_arrival(database, dossier):
    ids = [await a_received(database, dossier) for _ in range(5)]
    order = [ids[number] for number in (3, 0, 4, 2, 1)]
    for each in order:
        await arrive(database, dossier, each)
    seen, sizes = await walk(database, dossier, list_inbox)
    assert ([each.id for each in seen], sizes) == (order, [2, 2, 1])


async def test_a_walk_of_the_inbox_loses_nothing_that_comes_meanwhile(database, dossier):
    first, *others = [await a_received(database, dossier) for _ in range(6)]
    for each in others[:4]:
        await arrive(database, dossier, each)

    async def come(page):
        # The oldest of all was judged last; and it commits after one that began behind it.
        if page == 1:
            await arrive(database, dossier, first, lambda: arrive(database, dossier, others[4]))

    seen, _ = await walk(database, dossier, list_inbox, meanwhile=come)
    assert [each.id for each in seen] == [*others[:4], first, others[4]]


async def test_the_inbox_ends_before_what_a_running_transaction_may_put_there(database, dossier):
    early, late = [await a_received(database, dossier) for _ in range(2)]
    seen = []

    async def look():
        await arrive(database, dossier, late)
        seen.extend(await walk(database, dossier, list_inbox))

    await arrive(database, dossier, early, look)
    assert seen == [[], [0]]
    assert [each.id for each in (await walk(database, dossier, list_inbox))[0]] == [early, late]


async def test_a_document_is_in_the_inbox_until_it_is_acknowledged(database, dossier):
    received = [await a_received(database, dossier, status="delivered") for _ in range(2)]
    await a_stored(database, dossier)
    async with database.transaction(dossier) as tx:
        stretch = await list_inbox(tx, limit=9)
        assert [each.id for each in stretch.documents] == received
        assert await acknowledge(tx, received[0], now=NOW)
        assert not await acknowledge(tx, received[0], now=NOW)
        stretch = await list_inbox(tx, limit=9)
        assert [each.id for each in stretch.documents] == received[1:]
        assert (await list_inbox(tx, limit=9, after=stretch.place)).documents == []


async def test_a_foreign_document_cannot_be_acknowledged(database, dossier):
    received = await a_stored(database, dossier, direction="in", status="delivered", content=None)
    async with database.transaction(await a_dossier(database)) as tx:
        assert not await acknowledge(tx, received, now=NOW)
        assert (await list_inbox(tx, limit=9)).documents == []


async def test_what_was_not_delivered_is_not_in_the_inbox(database, dossier):
    broken = await a_received(database, dossier)
    async with database.transaction(dossier) as tx:
        assert (await list_inbox(tx, limit=9)).documents == []
        assert not await acknowledge(tx, broken, now=NOW)
    await arrive(database, dossier, broken)
    async with database.transaction(dossier) as tx:
        assert len((await list_inbox(tx, limit=9)).documents) == 1


async def test_a_notice_stands_in_the_feed_in_its_turn_and_is_no_change_of_a_document(
    database, dossier
):
    before, subject = await a_stored(database, dossier), CLOCK.uuid()
    for name in ("failed", "done"):
        async with database.transaction(dossier) as tx:
            await append_notice(tx, About.IMPORT, subject, name, {"text": name}, now=NOW)
    after = await a_stored(database, dossier)
    seen, _ = await follow(database, dossier, START)
    assert seen == [(before, 1), (subject, 1), (subject, 2), (after, 1)]
    async with database.transaction(dossier) as tx:
        found = await find_event(tx, subject, 2)
        assert (found.about, found.subject_id) == (About.IMPORT, subject)
        assert (found.event.name, found.event.detail) == ("done", {"text": "done"})
        assert (await find_event(tx, before, 1)).about is About.DOCUMENT
        assert await find_event(tx, subject, 3) is None
        changed = await read_changes(tx, since=LONG_AGO, limit=9)
    assert [each.id for each in changed.documents] == [before, after]
