"""Dossiers apart: row security, roles, keys, participants."""

import asyncio

import asyncpg
import pytest

from gateway.errors import Fault, Kind
from gateway.store.documents import append_event, find_document, insert_document, list_documents
from gateway.store.dossiers import ensure_default_dossier, get_dossier
from gateway.store.idempotency import claim_key
from gateway.store.imports import Place, Result, insert_import, record_result
from gateway.store.keys import find_api_key, insert_api_key
from gateway.store.messages import insert_sealed, receive_batch
from gateway.store.numbers import Number, hold_number
from gateway.store.participants import (
    Redirect,
    Service,
    delete_participant,
    find_participant,
    find_publication,
    find_services,
    list_participants,
    put_participant,
    put_redirect,
)
from tests.support.imports import an_import
from tests.support.store import (
    BILLING,
    CLOCK,
    INVOICE,
    NOW,
    a_document,
    a_dossier,
    a_sealed_row,
    an_api_key,
    an_inbound_row,
    execute,
    later,
)
from tests.support.webhooks import a_told_endpoint
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

ACME = ParticipantId.parse("9925:BE0123456749")
SERVICE = Service(DocumentTypeId.parse(INVOICE), ProcessId.parse(BILLING))
REDIRECT = Redirect(SERVICE.document_type, "https://smp.example", "CN=PBE000009,O=Other,C=BE")


OFFICE_TABLES = {"api_key_dossiers"}
"""They say of dossiers who may open them; no dossier sees them."""


async def fill(database, dossier):
    """Put a row of this dossier into every table that has dossiers."""
    document = a_document()
    sealed = a_sealed_row(document.id)
    async with database.transaction(dossier) as tx:
        await insert_document(tx, document)
        await append_event(tx, document.id, "accepted", {}, now=NOW)
        await insert_sealed(tx, [sealed])
        await claim_key(tx, "k", b"", now=NOW)
        await hold_number(tx, Number("0208:1", "Invoice", "1", 2026), document.id)
        new = an_import()
        await insert_import(tx, new)
        done = Result(position=1, document_id=document.id)
        await record_result(tx, new.id, done, at=new.next, then=Place(9, 2), now=NOW)
        participant = ParticipantId.parse(f"0208:{dossier.hex[:10]}")
        await put_participant(tx, participant, [SERVICE], now=NOW)
        await put_redirect(tx, participant, REDIRECT, now=NOW)
        await a_told_endpoint(tx)
    async with database.exchange_statements() as xtx:
        await receive_batch(xtx, [an_inbound_row(dossier)])
    async with database.office() as otx:
        await insert_api_key(otx, an_api_key(dossier), key_hash=dossier.bytes)
    return document.id


async def tables_of_dossiers(connection):
    rows = await connection.fetch(
        "SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        " AND (a.attname = 'dossier_id' AND NOT a.attisdropped"
        "      OR c.relname = 'dossiers' AND a.attname = 'id')"
    )
    return {row["name"]: row["forced"] for row in rows}


async def test_row_security_is_forced_on_every_table_that_has_dossiers(dsn):
    connection = await asyncpg.connect(dsn)
    tables = await tables_of_dossiers(connection)
    await connection.close()
    assert set(tables) >= {"dossiers", "documents", "messages", "attempts"}
    assert set(tables) >= OFFICE_TABLES
    assert {name for name, forced in tables.items() if not forced} == set()


async def test_a_query_that_forgets_its_filter_sees_no_foreign_row(database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    await fill(database, ours)
    await fill(database, theirs)

    async with database.transaction(ours) as tx:
        tables = await tables_of_dossiers(tx.connection)
        for table in tables:
            column = "id" if table == "dossiers" else "dossier_id"
            seen = await tx.connection.fetch(f"SELECT {column} AS one FROM {table}")
            expected = set() if table in OFFICE_TABLES else {ours}
            assert {row["one"] for row in seen} == expected, table


async def test_the_office_sees_keys_and_dossiers_and_no_row_of_their_books(database):
    await fill(database, await a_dossier(database))
    async with database.office() as otx:
        for table in await tables_of_dossiers(otx.connection):
            seen = await otx.connection.fetchval(f"SELECT count(*) FROM {table}")
            assert seen == (1 if table in OFFICE_TABLES | {"dossiers"} else 0), table
        assert await otx.connection.fetchval("SELECT count(*) FROM api_keys") == 1


async def test_a_dossier_sees_no_key(database):
    dossier = await a_dossier(database)
    await fill(database, dossier)
    async with database.transaction(dossier) as tx:
        assert await tx.connection.fetchval("SELECT count(*) FROM api_keys") == 0


async def test_without_a_dossier_no_row_is_seen(database):
    dossier = await a_dossier(database)
    await fill(database, dossier)
    async with database.transaction(dossier) as tx:
        tables = await tables_of_dossiers(tx.connection)
        for setting in ("RESET gateway.dossier", "SET LOCAL gateway.dossier = ''"):
            await tx.connection.execute(setting)
            for table in tables:
                count = f"SELECT count(*) FROM {table}"
                assert await tx.connection.fetchval(count) == 0, table


async def test_a_dossier_cannot_write_into_another(database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    document_id = await fill(database, theirs)

    async with database.transaction(ours) as tx:
        stolen = "UPDATE documents SET number = 'x' WHERE id = $1"
        assert await tx.connection.execute(stolen, document_id) == "UPDATE 0"
        assert await find_document(tx, document_id) is None
        assert await list_documents(tx, limit=5) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET dossier_id = $1",
        "INSERT INTO document_events SELECT id, 9, $1, now(), '', '{}' FROM documents",
    ],
    ids=["update", "insert"],
)
async def test_a_row_cannot_be_given_to_another_dossier(database, statement):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    await fill(database, ours)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await execute(database, ours, statement, theirs)


async def test_the_working_roles_own_nothing_and_cannot_look_past_row_security(dsn):
    connection = await asyncpg.connect(dsn)
    roles = await connection.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb,"
        " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns,"
        " EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS is_member"
        " FROM pg_roles r WHERE rolname IN ('gateway_app', 'gateway_exchange')"
    )
    await connection.close()
    assert len(roles) == 2
    for role in roles:
        assert not any(value for name, value in role.items() if name != "rolname")


async def test_a_connection_works_under_its_role_and_stays_there_after_a_reset(database):
    async def role_of(connection):
        await connection.execute("DISCARD ALL")
        return await connection.fetchval("SELECT current_user")

    async with database.exchange_statements() as xtx:
        assert await role_of(xtx.connection) == "gateway_exchange"
    async with database.transaction(CLOCK.uuid()) as tx:
        assert await tx.connection.fetchval("SELECT current_user") == "gateway_app"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT content FROM documents",
        "UPDATE documents SET status = 'delivered'",
        "SELECT * FROM document_events",
        "SELECT * FROM attempts",
        "SELECT * FROM idempotency_keys",
        "INSERT INTO api_keys SELECT",
        "UPDATE messages SET receipt = ''",
        "DELETE FROM messages",
        "UPDATE participants SET version = 0",
        "SELECT * FROM webhook_secrets",
        "SELECT body FROM webhook_deliveries",
        "SELECT detail FROM document_events",
        "UPDATE webhook_endpoints SET url = ''",
    ],
)
async def test_the_exchange_may_do_only_what_its_functions_need(database, statement):
    async with database.exchange_statements() as xtx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await xtx.connection.execute(statement)


async def test_the_exchange_sees_no_outbound_message(database):
    dossier = await a_dossier(database)
    await fill(database, dossier)
    async with database.exchange_statements() as xtx:
        directions = await xtx.connection.fetch("SELECT direction FROM messages")
    assert [row["direction"] for row in directions] == ["in"]


async def test_processes_that_start_at_once_get_the_same_default_dossier(database):
    async def ensure():
        return await ensure_default_dossier(
            database, dossier_id=CLOCK.uuid(), name="Acme", country="BE", now=NOW
        )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ensure()) for _ in range(5)]
    dossiers = {task.result() for task in tasks}
    assert len(dossiers) == 1
    [dossier] = dossiers
    assert (dossier.name, dossier.country) == ("Acme", "BE")
    async with database.transaction(dossier.id) as tx:
        assert await get_dossier(tx) == dossier


async def test_an_unknown_dossier_is_an_error(database):
    async with database.transaction(CLOCK.uuid()) as tx:
        with pytest.raises(LookupError):
            await get_dossier(tx)


async def test_a_key_opens_its_dossiers_and_is_made_once(database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    first = an_api_key(ours, theirs, scopes=frozenset({"validate", "lookup"}))
    async with database.office() as otx:
        assert await insert_api_key(otx, first, key_hash=b"hash")
        assert not await insert_api_key(otx, an_api_key(), key_hash=b"hash")
    assert await find_api_key(database, b"hash") == first
    assert await find_api_key(database, b"none") is None


async def test_a_participant_is_served_for_what_it_registered_whatever_its_spelling(database):
    dossier = await a_dossier(database)
    async with database.transaction(dossier) as tx:
        put = await put_participant(tx, ACME, [SERVICE], now=NOW)
        assert await list_participants(tx, limit=9) == ([put], False)
        assert await find_participant(tx, ParticipantId.parse("9925:be0123456749")) == put
    async with database.exchange_statements() as xtx:
        [served] = await find_services(xtx, ParticipantId.parse("9925:be0123456749").key)
        assert await find_services(xtx, "9925:none") == []
    assert (served.dossier_id, served.country, served.service) == (dossier, "BE", SERVICE)


async def test_each_change_of_a_publication_raises_its_version(database):
    dossier = await a_dossier(database)

    async def version_after(change):
        async with database.transaction(dossier) as tx:
            await change(tx)
        async with database.exchange_statements() as xtx:
            return await find_publication(xtx, ACME.key)

    first = await version_after(lambda tx: put_participant(tx, ACME, [SERVICE], now=NOW))
    second = await version_after(lambda tx: put_participant(tx, ACME, [], now=later(1)))
    third = await version_after(lambda tx: put_redirect(tx, ACME, REDIRECT, now=later(2)))
    gone = await version_after(lambda tx: delete_participant(tx, ACME))
    back = await version_after(lambda tx: put_participant(tx, ACME, [SERVICE], now=later(3)))

    assert gone is None
    assert first.version < second.version < third.version < back.version
    assert [len(one.services) for one in (first, second, third, back)] == [1, 0, 0, 1]
    assert third.redirects == (REDIRECT,)
    assert back.redirects == ()
    assert third.participant.value == ACME.value


async def test_a_participant_of_another_dossier_is_refused_and_stays_theirs(database):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    async with database.transaction(theirs) as tx:
        await put_participant(tx, ACME, [SERVICE], now=NOW)

    async def take_over(tx):
        with pytest.raises(Fault) as caught:
            await put_participant(tx, ACME, [], now=NOW)
        raise caught.value

    with pytest.raises(Fault) as caught:
        async with database.transaction(ours) as tx:
            await take_over(tx)
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "participant-taken")
    async with database.transaction(ours) as tx:
        assert not await delete_participant(tx, ACME)
    async with database.exchange_statements() as xtx:
        [served] = await find_services(xtx, ACME.key)
    assert served.dossier_id == theirs
