"""The plans of hot queries, on tables large enough for the planner to mind."""

import re

import asyncpg
import pytest

from gateway.store.documents import Cursor, list_documents
from gateway.store.feed import (
    Place,
    find_place,
    list_inbox,
    pass_over,
    read_changes,
    read_feed,
)
from gateway.store.jobs import sweep
from gateway.store.messages import (
    Ending,
    find_by_instance,
    find_message,
    finish_attempts,
    receive_batch,
)
from gateway.store.messages.carriers import find_message_ids
from gateway.store.participants import (
    find_publication,
    find_services,
    is_registered,
    list_participants,
)
from gateway.store.sendings import load_outgoing, move_documents
from gateway.store.webhooks.deliveries import (
    count_pending,
    find_due,
    list_deliveries,
    prune_deliveries,
)
from gateway.store.webhooks.reading import find_behind, find_due_endpoints
from tests.support.database import plan_of
from tests.support.store import CLOCK, NOW, a_dossier, a_move, an_inbound_row, later
from ubl.identifiers import ParticipantId

FILL = """
WITH document AS (
    INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
        process, flags, options, content, created_at, updated_at)
    SELECT gen_random_uuid(), $1, 'in', 'delivered', '', '', '', '', '{}', '{}', '',
        $2::timestamptz + n * interval '1s', $2 FROM generate_series(1, 2000) n
    RETURNING id
), participant AS (
    INSERT INTO participants
    SELECT id::text, $1, 'iso6523-actorid-upis', '0208:1', 1, $2, $2 FROM document
), service AS (
    INSERT INTO participant_services
    SELECT id::text, $1, 'busdox-docid-qns::d', 'cenbii-procid-ubl::p' FROM document
)
INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap, receiving_ap,
    identity, instance, document_digest, attachment_digest, content_type, wire, wire_length,
    attachment_offset, attachment_length, transfer_encoding, content_key, compressed, receipt,
    created_at)
SELECT gen_random_uuid(), $1, id, 'in', '', '', '', sha256(id::text::bytea),
    sha256(id::text::bytea), '', '', '', '', 0, 0, 0, '', '', true, '', $2
FROM document
"""


@pytest.fixture
async def dossier(database, dsn):
    dossier_id = await a_dossier(database)
    connection = await asyncpg.connect(dsn)
    await connection.execute(FILL, dossier_id, NOW)
    await connection.execute(
        "INSERT INTO attempts (message_row_id, number, dossier_id, started_at)"
        " SELECT id, 1, dossier_id, created_at FROM messages"
    )
    await connection.execute(
        "INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail)"
        " SELECT id, 1, dossier_id, created_at, 'received', '{}' FROM documents"
    )
    await connection.execute("ANALYZE")
    await connection.close()
    return dossier_id


async def test_a_page_of_documents_is_read_from_its_index_in_order(database, dossier):
    async with database.transaction(dossier) as tx:
        before = Cursor(later(1000), CLOCK.uuid())
        plan = await plan_of(tx.connection, list_documents(tx, limit=50, before=before))
    assert "Index Scan using documents_newest" in plan
    assert "created_at" in plan.partition("Index Cond")[2].partition("\n")[0]
    assert "Sort" not in plan


async def test_a_narrowed_page_is_read_from_an_index_for_each_place(database, dossier):
    given = {"limit": 50, "before": Cursor(later(1000), CLOCK.uuid())}
    async with database.transaction(dossier) as tx:
        for narrow in ({"status": "failed"}, {"direction": "in"}):
            plan = await plan_of(tx.connection, list_documents(tx, **given, **narrow))
            inner = plan.partition("Function Scan")[2]
            assert "Index Scan Backward using documents_standing" in inner
            condition = inner.partition("Index Cond")[2].partition("\n")[0]
            assert "ROW(direction, status) >= ROW(place.way, place.name)" in condition
            assert "ROW(direction, status, created_at, id) <" in condition
            assert "Sort" not in inner
            assert "Filter:" not in inner.replace("One-Time Filter:", "")


async def test_the_feed_is_read_from_its_index_in_order(database, dossier):
    async with database.transaction(dossier) as tx:
        reading = read_feed(tx, after=Place(7, CLOCK.uuid(), 1), limit=50)
        plan = await plan_of(tx.connection, reading)
    assert "Index Scan using document_events_feed" in plan
    condition = plan.partition("Index Cond")[2].partition("\n")[0]
    assert "ROW(xid, document_id, seq) >" in condition
    assert "(xid < " in condition
    assert "Sort" not in plan


async def test_events_since_an_instant_are_read_from_their_index_in_order(database, dossier):
    place = Place(7, CLOCK.uuid(), 1)
    async with database.transaction(dossier) as tx:
        plan = await plan_of(tx.connection, read_feed(tx, after=place, since=NOW, limit=50))
        end = await plan_of(tx.connection, pass_over(tx, place))
        seek = await plan_of(tx.connection, find_place(tx, NOW))
    for each in (plan, end):
        assert "Index Scan using document_events_feed" in each
        assert "Sort" not in each
    # What is passed over is bounded before it is filtered.
    assert plan.index("Filter: (stretch.at") < plan.rindex("->  Limit")
    assert len(re.findall("Scan (?:Backward )?using document_events_feed", seek)) == 2
    assert "Sort" not in seek
    assert "Seq Scan" not in seek


async def test_the_inbox_is_read_from_its_index_in_order(database, dossier):
    async with database.transaction(dossier) as tx:
        place = Place(7, CLOCK.uuid(), 0)
        plan = await plan_of(tx.connection, list_inbox(tx, limit=50, after=place))
    assert "Index Scan using documents_inbox" in plan
    assert "Sort" not in plan
    condition = plan.partition("Index Cond")[2].partition("\n")[0]
    assert "ROW(arrived, id) >" in condition
    assert "(arrived < " in condition


async def test_what_changed_is_read_from_an_index_for_each_place(database, dossier):
    given = {"after": Place(7, CLOCK.uuid(), 0), "since": NOW, "limit": 50}
    async with database.transaction(dossier) as tx:
        for narrow in ({}, {"status": "failed"}, {"direction": "in"}):
            plan = await plan_of(tx.connection, read_changes(tx, **given, **narrow))
            inner = plan.partition("Function Scan")[2]
            assert "Index Scan using documents_changed" in inner
            condition = inner.partition("Index Cond")[2].partition("\n")[0]
            assert "ROW(direction, status, changed, id) >" in condition
            assert "ROW(direction, status, changed) <" in condition
            assert "Sort" not in inner


async def test_a_message_is_found_by_its_document(database, dossier):
    async with database.transaction(dossier) as tx:
        plan = await plan_of(tx.connection, find_message(tx, CLOCK.uuid()))
        page = await plan_of(tx.connection, find_message_ids(tx, [CLOCK.uuid()] * 50))
    for each in (plan, page):
        assert "messages_document" in each
        assert "Seq Scan on messages" not in each


async def test_a_batch_reads_no_table_but_by_index(database, dossier):
    rows = [an_inbound_row(dossier) for _ in range(6)]
    async with database.exchange() as xtx:
        plan = await plan_of(xtx.connection, receive_batch(xtx, rows))
    assert "messages_inbound_instance on messages" in plan
    assert "Seq Scan" not in plan
    assert "hashed" not in plan


async def test_a_known_instance_is_found_by_its_index(database, dossier):
    async with database.exchange() as xtx:
        call = find_by_instance(xtx, "PBE000001", "0208:1", "0208:2", "i")
        plan = await plan_of(xtx.connection, call)
    assert "messages_inbound_instance" in plan


async def test_whom_we_serve_is_found_by_the_receiver(database, dossier):
    async with database.exchange() as xtx:
        plan = await plan_of(xtx.connection, find_services(xtx, "0208:1"))
    assert "participant_services_pkey" in plan
    assert "Seq Scan on participant_services" not in plan


async def test_a_publication_is_found_by_its_participant(database, dossier):
    async with database.exchange() as xtx:
        plan = await plan_of(xtx.connection, find_publication(xtx, "0208:1"))
    assert "participants_pkey" in plan


async def test_participants_are_read_from_their_indexes(database, dossier):
    who = ParticipantId.parse("0000:1")
    async with database.transaction(dossier) as tx:
        page = await plan_of(tx.connection, list_participants(tx, limit=50, after=who))
        ours = await plan_of(tx.connection, is_registered(tx, who))
    assert "Index Scan using participants_listed" in page
    assert "key" in page.partition("Index Cond")[2].partition("\n")[0]
    assert "Sort Key: key" not in page
    assert "participant_services_pkey" in page
    assert "Seq Scan" not in page.replace("Seq Scan on participant_redirects", "")
    assert "participants_pkey" in ours or "participants_listed" in ours
    assert "Seq Scan" not in ours


async def test_the_sweep_reads_only_what_is_under_way(database, dossier):
    async with database.exchange() as xtx:
        plan = await plan_of(xtx.connection, sweep(xtx, before=NOW))
    assert "documents_under_way" in plan


async def test_a_batch_that_is_sent_reads_no_table_but_by_index(database, dossier):
    ids = [CLOCK.uuid() for _ in range(6)]
    moves = [a_move(each, "accepted", "sending") for each in ids]
    ends = [
        Ending(message_row_id=each, number=1, at=NOW, outcome="receipt", answer=b"<R/>")
        for each in ids
    ]
    for call in (
        lambda tx: load_outgoing(tx, ids),
        lambda tx: move_documents(tx, moves),
        lambda tx: finish_attempts(tx, ends),
    ):
        async with database.transaction(dossier) as tx:
            plan = await plan_of(tx.connection, call(tx))
        assert "Index" in plan
        assert "Seq Scan" not in plan.replace("Seq Scan on dossiers", "")


TOLD = """
WITH endpoint AS (
    INSERT INTO webhook_endpoints (id, dossier_id, url, event_types, is_enabled, place_xid,
        place_document, place_seq, relayed_at, created_at, updated_at)
    SELECT gen_random_uuid(), $1, '', '{}', true, '0', gen_random_uuid(), 0, $2, $2, $2
    FROM generate_series(1, 200)
    RETURNING id
)
INSERT INTO webhook_deliveries (id, endpoint_id, dossier_id, event_id, event_type, body, status,
    next_attempt_at, created_at, updated_at)
SELECT gen_random_uuid(), id, $1, '', '', '', status,
    CASE status WHEN 'pending' THEN $2 + n * interval '1s' END, $2, $2
FROM endpoint, generate_series(1, 20) n,
    LATERAL (SELECT CASE WHEN n < 3 THEN 'pending' ELSE 'delivered' END AS status) AS s
"""


@pytest.fixture
async def told(dsn, dossier):
    connection = await asyncpg.connect(dsn)
    await connection.execute(TOLD, dossier, NOW)
    await connection.execute("ANALYZE")
    await connection.close()
    return dossier


async def test_what_an_endpoint_is_told_is_read_from_indexes_in_order(database, told):
    endpoint = CLOCK.uuid()
    async with database.transaction(told) as tx:
        due = await plan_of(tx.connection, find_due(tx, endpoint, now=NOW))
        pending = await plan_of(tx.connection, count_pending(tx, endpoint, most=9))
        before = (NOW, endpoint)
        page = await plan_of(tx.connection, list_deliveries(tx, endpoint, limit=50, before=before))
    for plan, index in ((due, "due"), (pending, "due"), (page, "newest")):
        assert f"webhook_deliveries_{index}" in plan
        assert "Sort" not in plan
        assert "Seq Scan" not in plan
    assert "ROW(created_at, id) <" in page.partition("Index Cond")[2].partition("\n")[0]


async def test_who_is_behind_and_who_is_due_is_found_without_reading_events_or_deliveries(
    database, told
):
    async with database.exchange_statements() as xtx:
        behind = await plan_of(xtx.connection, find_behind(xtx, limit=100))
        due = await plan_of(xtx.connection, find_due_endpoints(xtx, now=NOW, without=[], limit=100))
    assert "document_events_feed on document_events" in behind
    assert "Seq Scan on document_events" not in behind
    condition = behind.partition("Index Cond")[2].partition("\n")[0]
    assert "ROW(xid, document_id, seq) >" in condition
    assert "InitPlan" in behind
    assert "webhook_deliveries_due on webhook_deliveries" in due
    assert "Seq Scan on webhook_deliveries" not in due


async def test_what_is_forgotten_is_found_by_its_age(database, told):
    async with database.exchange_statements() as xtx:
        plan = await plan_of(xtx.connection, prune_deliveries(xtx, before=NOW))
    assert "Index Scan using webhook_deliveries_pkey" in plan
