"""The plans of hot queries, on tables large enough for the planner to mind."""

import asyncpg
import pytest

from gateway.store.documents import Cursor, list_documents
from gateway.store.jobs import sweep
from gateway.store.messages import find_by_instance, find_message, receive_batch
from gateway.store.participants import find_publication, find_services
from tests.support.database import plan_of
from tests.support.store import CLOCK, NOW, a_dossier, an_inbound_row, later

FILL = """
WITH document AS (
    INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
        process, flags, options, content, created_at, updated_at)
    SELECT gen_random_uuid(), $1, 'in', 'delivered', '', '', '', '', '{}', '{}', '',
        $2::timestamptz + n * interval '1s', $2 FROM generate_series(1, 2000) n
    RETURNING id
), participant AS (
    INSERT INTO participants SELECT id::text, $1, 's', 'v', 1, $2, $2 FROM document
), service AS (
    INSERT INTO participant_services SELECT id::text, $1, 'd', 'p' FROM document
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


async def test_a_message_is_found_by_its_document(database, dossier):
    async with database.transaction(dossier) as tx:
        plan = await plan_of(tx.connection, find_message(tx, CLOCK.uuid()))
    assert "Index Scan using messages_document" in plan


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


async def test_the_sweep_reads_only_what_is_under_way(database, dossier):
    async with database.exchange() as xtx:
        plan = await plan_of(xtx.connection, sweep(xtx, before=NOW))
    assert "documents_under_way" in plan
