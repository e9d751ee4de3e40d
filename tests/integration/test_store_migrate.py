"""Migrations: from zero to the committed schema, several processes at once, the queue's part."""

import asyncio
import os
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from gateway.store import migrate
from gateway.store.errors import MigrationFailed
from gateway.store.jobs import queue_on
from gateway.store.messages import find_message, list_attempts
from gateway.store.migrate import upgrade
from gateway.store.pool import Database
from tests.support.database import schema_of

SCHEMA = Path(__file__).with_name("schema.txt")
NAMES = sorted(
    path.name.removesuffix(".sql") for path in (files("gateway.store") / "migrations").iterdir()
)


@pytest.fixture
async def empty(postgres):
    dsn = await postgres.create_database(template="template1")
    yield dsn
    await postgres.drop_database(dsn)


async def test_migrations_from_zero_give_the_committed_schema(dsn):
    connection = await asyncpg.connect(dsn)
    schema = await schema_of(connection)
    await connection.close()
    if os.environ.get("PEPPOL_TEST_UPDATE_SCHEMA") == "1":
        SCHEMA.write_text(schema)
    assert schema == SCHEMA.read_text()


async def test_a_second_upgrade_does_nothing(empty):
    assert await upgrade(empty) == NAMES
    assert await upgrade(empty) == []


async def test_processes_that_start_at_once_migrate_once(empty):
    program = (
        "import asyncio, sys; from gateway.store.migrate import upgrade;"
        "print(len(asyncio.run(upgrade(sys.argv[1]))))"
    )
    command = (sys.executable, "-c", program, empty)
    starters = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        for _ in range(3)
    ]
    applied = [int((await starter.communicate())[0]) for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert sorted(applied) == [0, 0, len(NAMES)]


async def test_the_queue_wants_nothing_changed_in_our_schema(dsn):
    connection = await asyncpg.connect(dsn)
    plan = await queue_on(connection).plan_upgrade()
    await connection.close()
    assert list(plan.statements) == []
    assert list(plan.notes) == []


async def test_names_in_the_environment_do_not_reach_the_queue(dsn):
    program = (
        "from gateway.store.jobs import SETTINGS as s;"
        "print(s.channel, s.queue_table, s.qualified.function, s.db_schema, s.widen_id)"
    )
    hostile = {
        "CHANNEL": "other",
        "FUNCTION": "other",
        "QUEUE_TABLE": "other",
        "PGQUEUER_PREFIX": "other_",
        "PGQUEUER_SCHEMA": "other",
        "WIDEN_ID": "false",
    }
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=hostile, stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await asked.communicate()
    assert answer.decode().split() == [
        "ch_pgqueuer",
        "pgqueuer",
        "fn_pgqueuer_changed",
        "None",
        "True",
    ]


async def test_a_migration_that_fails_names_itself_and_leaves_the_database_as_it_was(
    empty, tmp_path, monkeypatch
):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_bad.sql").write_text(
        "-- A table, then nonsense.\n-- depends:\n\n-- migrate: apply\n\n"
        "CREATE TABLE half (n int);\n\nCREATE TABLE half (n int);\n\n-- migrate: rollback\n\n"
        "DROP TABLE half;\n"
    )
    monkeypatch.setattr(migrate, "files", lambda _package: tmp_path)
    with pytest.raises(MigrationFailed, match=r"0001_bad.*already exists"):
        await upgrade(empty)
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    await connection.close()


def test_migrations_are_numbered_and_each_depends_on_the_one_before():
    depends = [
        re.search(
            r"-- depends:(.*)", (files("gateway.store") / f"migrations/{name}.sql").read_text()
        )
        for name in NAMES
    ]
    assert [found[1].strip() for found in depends] == ["", *NAMES[:-1]]
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))


async def owned_by_no_superuser(empty):
    """Give the database at *empty* to an owner who is no superuser; return his DSN."""
    connection = await asyncpg.connect(empty)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(
        "DO $$ BEGIN CREATE ROLE plain_owner LOGIN CREATEROLE;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    for role in ("gateway_app", "gateway_exchange"):
        await connection.execute(f"GRANT {role} TO plain_owner WITH ADMIN OPTION")
    await connection.execute(f"ALTER DATABASE {name} OWNER TO plain_owner")
    await connection.execute("ALTER SCHEMA public OWNER TO plain_owner")
    await connection.close()
    return empty.replace("//gateway@", "//plain_owner@")


async def test_an_external_owner_without_superuser_can_migrate_and_work(empty):
    dsn = await owned_by_no_superuser(empty)

    await upgrade(dsn)

    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET ROLE gateway_exchange")
        assert await connection.fetchval("SELECT count(*) FROM documents") == 0
    finally:
        await connection.close()


SENT_BEFORE = """
INSERT INTO dossiers (id, name, country, is_default, created_at)
VALUES (gen_random_uuid(), 'A', 'BE', true, now());
INSERT INTO documents (id, dossier_id, direction, status, sender, receiver, document_type,
    process, flags, options, content, created_at, updated_at)
SELECT gen_random_uuid(), id, 'out', 'delivered', 's', 'r', 't', 'p', '{}', '{}', 'x', now(), now()
FROM dossiers, generate_series(1, 2);
INSERT INTO messages (id, dossier_id, document_id, direction, message_id, sending_ap, receiving_ap,
    identity, instance, document_digest, attachment_digest, content_type, wire, wire_length,
    attachment_offset, attachment_length, transfer_encoding, content_key, compressed, receipt,
    receipt_content_type, signed_metadata, signed_references, created_at)
SELECT id, dossier_id, id, 'out', id::text, 's', 'r', '', '', '', '', 't', 'x', 1, 0, 1, 'binary',
    '', true, '<R/>', 'text/xml', '<smp/>', '[]', now()
FROM documents;
INSERT INTO attempts (message_row_id, number, dossier_id, started_at, outcome)
SELECT id, number, dossier_id, now(), CASE number WHEN 1 THEN 'no-answer' ELSE 'receipt' END
FROM messages, generate_series(1, 2) AS number;
"""


async def test_receipts_and_answers_of_smps_outlive_their_move_to_other_tables(
    empty, tmp_path, monkeypatch
):
    dsn = await owned_by_no_superuser(empty)
    old = tmp_path / "migrations"
    shutil.copytree(str(files("gateway.store") / "migrations"), old)
    for later in old.glob("00*.sql"):
        if later.name >= "0009":
            later.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "files", lambda _package: tmp_path)
        await upgrade(dsn)
    connection = await asyncpg.connect(empty)
    await connection.execute(SENT_BEFORE)
    await connection.close()

    await upgrade(dsn)

    database = await Database.open(dsn)
    try:
        async with database.exchange_statements() as xtx:
            rows = await xtx.connection.fetch("SELECT id, dossier_id FROM documents")
        async with database.transaction(rows[0]["dossier_id"]) as tx:
            sent = [await find_message(tx, row["id"]) for row in rows]
            first, second = await list_attempts(tx, sent[0].id)
    finally:
        await database.close()
    assert [(one.receipt, one.receipt_content_type) for one in sent] == [(b"<R/>", "text/xml")] * 2
    assert [one.signed_metadata for one in sent] == [b"<smp/>"] * 2
    assert (first.answer, second.answer) == (None, b"<R/>")
