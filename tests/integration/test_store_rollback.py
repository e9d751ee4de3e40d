"""Migrations taken back: each leaves the schema as it found it, and 0009 the rows as well."""

import shutil
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest
from pogo_core.util import sql

from gateway.store import migrate
from gateway.store.migrate import upgrade
from tests.integration.test_store_migrate import NAMES, SENT_BEFORE, owned_by_no_superuser
from tests.support.database import schema_of

KEPT = ("dossiers", "documents", "messages", "attempts")
SENT = 2  # messages of SENT_BEFORE
# A message that came in, whose receipt is ours and stays where it is.
RECEIVED_BEFORE = """
INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
    process, flags, options, content, created_at, updated_at)
SELECT gen_random_uuid(), id, 'in', 'received', 's', 'r', 't', 'p', '{}', '{}', 'x', now(), now()
FROM dossiers;
INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap, receiving_ap,
    identity, instance, document_digest, attachment_digest, content_type, wire, wire_length,
    attachment_offset, attachment_length, transfer_encoding, content_key, compressed, receipt,
    created_at)
SELECT id, dossier_id, id, 'in', 'm', 's', 'r', '', '', '', '', 't', 'x', 1, 0, 1, 'binary',
    '', true, '<ours/>', now()
FROM documents WHERE direction = 'in';
"""
# Two messages as they are since 0009: one has its receipt, the other was refused.
SENT_AFTER = """
INSERT INTO dossiers (id, name, country, is_default, created_at)
VALUES (gen_random_uuid(), 'A', 'BE', true, now());
INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
    process, flags, options, content, created_at, updated_at)
SELECT gen_random_uuid(), id, 'out', status, 's', 'r', 't', 'p', '{}', '{}', 'x', now(), now()
FROM dossiers, unnest(ARRAY['delivered', 'sending']::text[]) AS status;
INSERT INTO smp_answers (sha256, body) VALUES (sha256('<smp/>'), '<smp/>');
INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap, receiving_ap,
    identity, instance, document_digest, attachment_digest, content_type, wire, wire_length,
    attachment_offset, attachment_length, transfer_encoding, content_key, compressed,
    smp_answer_sha256, signed_references, created_at)
SELECT id, dossier_id, id, 'out', id::text, 's', 'r', '', '', '', '', 't', 'x', 1, 0, 1, 'binary',
    '', true, sha256('<smp/>'), '[]', now()
FROM documents;
INSERT INTO attempts (message_row_id, number, dossier_id, started_at, outcome, answer,
    answer_content_type)
SELECT id, 1, dossier_id, now(), CASE status WHEN 'delivered' THEN 'receipt' ELSE 'refused' END,
    CASE status WHEN 'delivered' THEN '<R/>' ELSE '<E/>' END::bytea, 'text/xml'
FROM documents;
"""


@pytest.fixture
async def empty(postgres):
    dsn = await postgres.create_database(template="template1")
    yield dsn
    await postgres.drop_database(dsn)


@pytest.fixture
def upto(tmp_path, monkeypatch):
    """Make the migrations up to *last* all there are; return their folder."""

    def limit(last: str) -> Path:
        folder = tmp_path / last / "migrations"
        shutil.copytree(str(files("gateway.store") / "migrations"), folder)
        for later in NAMES[NAMES.index(last) + 1 :]:
            (folder / f"{later}.sql").unlink()
        monkeypatch.setattr(migrate, "files", lambda _package: folder.parent)
        return folder

    return limit


async def seen(dsn):
    """The schema and the rows of the database at *dsn*, whose owner may see them all."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = {
            table: sorted(
                (dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")), key=str
            )
            for table in KEPT
            if await connection.fetchval("SELECT to_regclass($1)", table) is not None
        }
        return await schema_of(connection), rows
    finally:
        await connection.close()


async def take_back(dsn, folder):
    """Take back the last migration in *folder*, on which none of the others depends."""
    last = max(path.stem for path in folder.iterdir())
    connection = await asyncpg.connect(dsn)
    try:
        read = await sql.read_migrations(
            folder, connection, schema_name="public", include_plugins=False
        )
        (migration,) = (each for each in read if each.id == last)
        async with connection.transaction():
            await migration.load().rollback(connection)
            await sql.migration_unapplied(connection, migration.id, schema_name="public")
    finally:
        await connection.close()


@pytest.mark.parametrize("name", NAMES[2:])
async def test_a_migration_taken_back_leaves_the_schema_as_it_was(empty, upto, name):
    """But for the roles and their rights on the queue, which 0002 leaves: they are the server's."""
    upto(NAMES[NAMES.index(name) - 1])
    await upgrade(empty)
    schema, _ = await seen(empty)
    folder = upto(name)
    assert await upgrade(empty) == [name]
    assert (await seen(empty))[0] != schema
    await take_back(empty, folder)
    assert (await seen(empty))[0] == schema


async def test_receipts_and_answers_of_smps_go_back_to_where_they_were(empty, upto):
    owner = await owned_by_no_superuser(empty)
    upto("0008_sending")
    await upgrade(owner)
    connection = await asyncpg.connect(empty)
    await connection.execute(SENT_BEFORE)
    await connection.execute(RECEIVED_BEFORE)
    await connection.close()
    before = await seen(empty)
    folder = upto("0009_once")
    await upgrade(owner)
    moved = (await seen(empty))[1]
    await take_back(owner, folder)
    assert await seen(empty) == before
    assert [one["receipt"] for one in moved["messages"]].count(None) == SENT
    assert [one["answer"] for one in moved["attempts"]].count(b"<R/>") == SENT


async def test_receipts_and_answers_of_smps_that_came_later_go_back_as_well(empty, upto):
    owner = await owned_by_no_superuser(empty)
    upto("0008_sending")
    await upgrade(owner)
    folder = upto("0009_once")
    await upgrade(owner)
    connection = await asyncpg.connect(empty)
    await connection.execute(SENT_AFTER)
    await connection.close()
    await take_back(owner, folder)
    _, rows = await seen(empty)
    sent = [(one["receipt"], one["receipt_content_type"]) for one in rows["messages"]]
    assert set(sent) == {(b"<R/>", "text/xml"), (None, None)}
    assert [one["signed_metadata"] for one in rows["messages"]] == [b"<smp/>"] * 2
    answers = {
        (one["outcome"], one["answer"], one["answer_content_type"]) for one in rows["attempts"]
    }
    assert answers == {("refused", b"<E/>", "text/xml"), ("receipt", None, None)}


CHANGED_BEFORE = """
INSERT INTO dossiers (id, name, country, is_default, is_test, created_at, updated_at)
VALUES (gen_random_uuid(), 'A', 'BE', true, true, now(), now());
INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
    process, flags, options, content, created_at, updated_at)
SELECT gen_random_uuid(), id, 'out', 'delivered', 's', 'r', 't', 'p', '{}', '{}', 'x', now(), now()
FROM dossiers, generate_series(1, 2);
INSERT INTO document_events (document_id, seq, dossier_id, at, name, detail, xid)
SELECT id, n, dossier_id, now(), 'x', '{}', (row_number() OVER (ORDER BY id, n) + 2)::text::xid8
FROM documents, generate_series(1, 3) n;
UPDATE documents SET event_count = 3;
"""


async def test_documents_from_before_are_in_the_order_of_their_last_events(empty, upto):
    owner = await owned_by_no_superuser(empty)
    upto("0019_eras")
    await upgrade(owner)
    connection = await asyncpg.connect(empty)
    await connection.execute(CHANGED_BEFORE)
    upto("0020_walks")
    await upgrade(owner)
    rows = await connection.fetch("SELECT id, changed::text::int AS changed FROM documents")
    last = await connection.fetch(
        "SELECT document_id AS id, xid::text::int AS changed FROM document_events WHERE seq = 3"
    )
    await connection.close()
    assert len(rows) == SENT
    assert sorted(map(tuple, rows)) == sorted(map(tuple, last))
