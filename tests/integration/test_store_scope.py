"""Every query of a dossier's rows is scoped by itself, even where row security would not help.

The functions are called as the database's owner, whom no policy binds, in the name of one dossier,
with the identifiers of another's rows: they must find nothing and change nothing.
"""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import asyncpg
import pytest

import gateway.store
from gateway.errors import Fault
from gateway.store import (
    deliveries,
    documents,
    feed,
    idempotency,
    imports,
    messages,
    numbers,
    participants,
    sendings,
)
from gateway.store.messages import attempts, carriers, sealed, stored
from gateway.store.pool import Transaction
from gateway.store.webhooks import deliveries as hooks
from gateway.store.webhooks import endpoints, reading
from tests.support.store import (
    CLOCK,
    NOW,
    a_document,
    a_dossier,
    a_move,
    a_sealed_row,
    later,
)
from ubl.identifiers import BILLING, INVOICE, ParticipantId

LONG_AGO = later(-86_400 * 3650)
ACME = ParticipantId.parse("0208:0123456749")
SERVICE = participants.Service(document_type=INVOICE, process=BILLING)


def is_of_dossiers(function) -> bool:
    """Whether *function* is one that works in a dossier's transaction."""
    if not inspect.iscoroutinefunction(function) or function.__name__.startswith("_"):
        return False
    hints = typing.get_type_hints(function)
    first = next(iter(inspect.signature(function).parameters), None)
    return first is not None and Transaction in (hints[first], *typing.get_args(hints[first]))


def functions_of_dossiers():
    found = {}
    for info in pkgutil.walk_packages(gateway.store.__path__, "gateway.store."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == info.name and is_of_dossiers(value):
                found[f"{info.name.removeprefix('gateway.store.')}.{name}"] = value
    return found


def an_import(import_id, dossier):
    return imports.Import(
        id=import_id,
        dossier_id=dossier,
        media_type="application/x-ndjson",
        file=str(import_id),
        size_bytes=1,
        total=1,
        next=imports.Place(0, 1),
        created_at=NOW,
        updated_at=NOW,
    )


async def fill(database, dossier):
    """Put a row of *dossier* into every table that has dossiers; return what names them."""
    sent, received = a_document(), a_document(direction="in", status="received", content=None)
    row, endpoint, delivery = a_sealed_row(sent.id), CLOCK.uuid(), CLOCK.uuid()
    loaded = CLOCK.uuid()
    number = numbers.Number("0208:0123456749", "Invoice", "1", 2026)
    async with database.transaction(dossier) as tx:
        for each in (sent, received):
            await documents.insert_document(tx, each)
            await documents.append_event(tx, each.id, "accepted", {}, now=NOW)
        await sealed.insert_sealed(tx, [row])
        await attempts.start_attempts(tx, [row.message_row_id], now=NOW)
        await idempotency.claim_key(tx, "k", b"theirs", now=NOW)
        await participants.put_participant(tx, ACME, [SERVICE], now=NOW)
        await numbers.hold_number(tx, number, sent.id)
        await imports.insert_import(tx, an_import(loaded, dossier))
        await endpoints.insert_endpoint(
            tx, endpoint, url="https://a.example", description=None, event_types=[], now=NOW
        )
        await endpoints.add_secret(tx, endpoint, b"secret", now=NOW, others_until=NOW)
        new = hooks.NewDelivery(
            id=delivery, event_id="evt_1", event_type="document.accepted", body="{}"
        )
        await hooks.insert_deliveries(tx, endpoint, [new], now=NOW)
        found = await endpoints.find_endpoint(tx, endpoint)
        await reading.move_on(tx, found, found.place, at_end=True, now=NOW, is_full=True)
    return SimpleNamespace(
        sent=sent.id, received=received.id, message=row.message_row_id, row=row, number=number,
        loaded=loaded, endpoint=endpoint, whole_endpoint=found, delivery=delivery,
    )  # fmt: skip


def finished(document_id):
    return deliveries.Finished(
        document_id=document_id,
        status="delivered",
        kind=None,
        number=None,
        content_sha256=None,
        size_bytes=None,
        steps=(),
    )


def an_ending(message):
    return messages.Ending(message_row_id=message, number=1, at=NOW, outcome="receipt")


STEP = documents.Step(NOW, "x", {})
ATTEMPT = hooks.Attempt(number=1, at=NOW, milliseconds=1, status=200, answer="", error=None)

CALLS = {
    "deliveries.list_waiting": lambda tx, their: deliveries.list_waiting(tx, [their.received]),
    "deliveries.finish_received": lambda tx, their: deliveries.finish_received(
        tx, [finished(their.received)], now=NOW
    ),
    "documents.find_document": lambda tx, their: documents.find_document(tx, their.sent),
    "documents.find_report": lambda tx, their: documents.find_report(tx, their.sent),
    "documents.list_documents": lambda tx, _: documents.list_documents(tx, limit=9),
    "documents.append_event": lambda tx, their: documents.append_event(
        tx, their.sent, "x", {}, now=NOW
    ),
    "documents.append_steps": lambda tx, their: documents.append_steps(tx, their.sent, [STEP]),
    "documents.list_events": lambda tx, their: documents.list_events(tx, their.sent),
    "documents.find_content": lambda tx, their: documents.find_content(tx, their.sent),
    "feed.find_place": lambda tx, _: feed.find_place(tx, NOW),
    "feed.pass_over": lambda tx, _: feed.pass_over(tx, feed.START),
    "feed.has_reached": lambda tx, _: feed.has_reached(tx, feed.START),
    "feed.read_feed": lambda tx, _: feed.read_feed(tx, since=LONG_AGO, limit=9),
    "feed.read_changes": lambda tx, _: feed.read_changes(tx, since=LONG_AGO, limit=9),
    "feed.find_event": lambda tx, their: feed.find_event(tx, their.sent, 1),
    "feed.list_inbox": lambda tx, _: feed.list_inbox(tx, limit=9),
    "feed.acknowledge": lambda tx, their: feed.acknowledge(tx, their.received, now=NOW),
    "idempotency.claim_key": lambda tx, _: idempotency.claim_key(tx, "k", b"ours", now=NOW),
    "idempotency.find_key": lambda tx, _: idempotency.find_key(tx, "k", b"theirs"),
    "idempotency.finish_key": lambda tx, _: idempotency.finish_key(
        tx, "k", idempotency.Stored(status=200, body=b"")
    ),
    "idempotency.drop_key": lambda tx, _: idempotency.drop_key(tx, "k"),
    "imports.find_import": lambda tx, their: imports.find_import(tx, their.loaded),
    "imports.count_unfinished": lambda tx, _: imports.count_unfinished(tx),
    "imports.list_imports": lambda tx, _: imports.list_imports(tx, limit=9),
    "imports.record_result": lambda tx, their: imports.record_result(
        tx, their.loaded, imports.Result(position=1), now=NOW,
        at=imports.Place(0, 1), then=imports.Place(1, 2),
    ),
    "imports.fail_import": lambda tx, their: imports.fail_import(tx, their.loaded, now=NOW),
    "imports.cancel_import": lambda tx, their: imports.cancel_import(tx, their.loaded, now=NOW),
    "imports.finish_import": lambda tx, their: imports.finish_import(tx, their.loaded, now=NOW),
    "imports.list_results": lambda tx, their: imports.list_results(tx, their.loaded, limit=9),
    "messages.attempts.finish_attempts": lambda tx, their: attempts.finish_attempts(
        tx, [an_ending(their.message)]
    ),
    "messages.attempts.list_attempts": lambda tx, their: attempts.list_attempts(tx, their.message),
    "messages.attempts.start_attempts": lambda tx, their: attempts.start_attempts(
        tx, [their.message], now=NOW
    ),
    "messages.carriers.find_message_ids": lambda tx, their: carriers.find_message_ids(
        tx, [their.sent]
    ),
    "messages.sealed.insert_sealed": lambda tx, their: sealed.insert_sealed(
        tx, [], renewed={their.message: replace(their.row.body, wire=b"other")}
    ),
    "messages.stored.find_message": lambda tx, their: stored.find_message(tx, their.sent),
    "messages.stored.list_messages": lambda tx, their: stored.list_messages(tx, their.sent),
    "numbers.find_holders": lambda tx, their: numbers.find_holders(
        tx, [their.number.sender], their.number.kind, their.number.number
    ),
    "numbers.hold_number": lambda tx, their: numbers.hold_number(tx, their.number, CLOCK.uuid()),
    "participants.find_participant": lambda tx, _: participants.find_participant(tx, ACME),
    "participants.is_registered": lambda tx, _: participants.is_registered(tx, ACME),
    "participants.list_participants": lambda tx, _: participants.list_participants(tx, limit=9),
    "participants.delete_participant": lambda tx, _: participants.delete_participant(tx, ACME),
    "participants.put_participant": lambda tx, _: participants.put_participant(
        tx, ACME, [SERVICE], now=later(9)
    ),
    "participants.put_redirect": lambda tx, _: participants.put_redirect(
        tx, ACME, participants.Redirect(INVOICE, "https://smp.example", "CN=x"), now=later(9)
    ),
    "sendings.load_outgoing": lambda tx, their: sendings.load_outgoing(tx, [their.sent]),
    "sendings.move_documents": lambda tx, their: sendings.move_documents(
        tx, [a_move(their.sent, "accepted", "sealed")]
    ),
    "webhooks.deliveries.count_pending": lambda tx, their: hooks.count_pending(
        tx, their.endpoint, most=9
    ),
    "webhooks.deliveries.find_due": lambda tx, their: hooks.find_due(
        tx, their.endpoint, now=later(9)
    ),
    "webhooks.deliveries.record_attempt": lambda tx, their: hooks.record_attempt(
        tx, their.delivery, ATTEMPT, hooks.Result(status="delivered", next_attempt_at=None)
    ),
    "webhooks.deliveries.mark_failing": lambda tx, their: hooks.mark_failing(
        tx, their.endpoint, NOW
    ),
    "webhooks.deliveries.list_deliveries": lambda tx, their: hooks.list_deliveries(
        tx, their.endpoint, limit=9
    ),
    "webhooks.deliveries.list_attempts": lambda tx, their: hooks.list_attempts(
        tx, [their.delivery]
    ),
    "webhooks.endpoints.find_endpoint": lambda tx, their: endpoints.find_endpoint(
        tx, their.endpoint
    ),
    "webhooks.endpoints.list_endpoints": lambda tx, _: endpoints.list_endpoints(tx),
    "webhooks.endpoints.change_endpoint": lambda tx, their: endpoints.change_endpoint(
        tx, their.endpoint, url="https://b.example", description="x", event_types=[], now=later(9)
    ),
    "webhooks.endpoints.enable_endpoint": lambda tx, their: endpoints.enable_endpoint(
        tx, their.endpoint, now=later(9)
    ),
    "webhooks.endpoints.disable_endpoint": lambda tx, their: endpoints.disable_endpoint(
        tx, their.endpoint, endpoints.Disabled.REQUESTED, now=later(9)
    ),
    "webhooks.endpoints.delete_endpoint": lambda tx, their: endpoints.delete_endpoint(
        tx, their.endpoint, now=NOW
    ),
    "webhooks.endpoints.rewind_endpoint": lambda tx, their: endpoints.rewind_endpoint(
        tx, their.whole_endpoint, NOW
    ),
    "webhooks.endpoints.list_secrets": lambda tx, their: endpoints.list_secrets(
        tx, their.endpoint, now=NOW
    ),
    "webhooks.reading.find_documents": lambda tx, their: reading.find_documents(tx, [their.sent]),
    "webhooks.reading.make_room": lambda tx, their: reading.make_room(
        tx, their.endpoint, now=later(9)
    ),
    "webhooks.reading.move_on": lambda tx, their: reading.move_on(
        tx, their.whole_endpoint, feed.Place(9, CLOCK.uuid(), 1), at_end=True, now=NOW
    ),
}  # fmt: skip

OURS_ALONE = {
    "counting.count_alone",
    "documents.insert_document",
    "dossiers.get_dossier",
    "jobs.enqueue",
    "jobs.enqueue_all",
    "feed.append_notice",
    "imports.insert_import",
    "webhooks.endpoints.insert_endpoint",
}
"""What only writes rows of the transaction's own dossier, or reads that dossier itself.

The queue belongs to no dossier: it holds identifiers, and whoever does a job asks for its rows.
"""


HUNG_ON = {
    "webhooks.deliveries.insert_deliveries": lambda tx, their: hooks.insert_deliveries(
        tx, their.endpoint,
        [hooks.NewDelivery(id=CLOCK.uuid(), event_id="e", event_type="t", body="{}")], now=NOW,
    ),
    "webhooks.endpoints.add_secret": lambda tx, their: endpoints.add_secret(
        tx, their.endpoint, b"ours", now=NOW, others_until=NOW
    ),
}  # fmt: skip
"""What writes rows that belong to a row which has to be the dossier's own."""


def test_every_function_of_a_dossier_is_tried_here():
    assert set(functions_of_dossiers()) == set(CALLS) | set(HUNG_ON) | OURS_ALONE
    assert not (set(CALLS) | set(HUNG_ON)) & OURS_ALONE


@pytest.mark.parametrize("name", HUNG_ON)
async def test_nothing_is_hung_onto_a_foreign_row(database, name):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    their = await fill(database, theirs)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.transaction(ours) as tx:
            await HUNG_ON[name](tx, their)


EMPTY = {"api_key_dossiers", "participant_redirects", "import_results", "webhook_attempts"}
"""Tables that `fill` puts nothing into."""


async def rows_of(connection, dossier):
    """All rows of *dossier*, as text, by table."""
    tables = await connection.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        " AND a.attname = 'dossier_id' AND NOT a.attisdropped"
    )
    return {
        table["name"]: await connection.fetch(
            f"SELECT t::text AS row FROM {table['name']} t WHERE dossier_id = $1 ORDER BY 1",
            dossier,
        )
        for table in tables
    }


async def test_a_foreign_row_is_neither_found_nor_changed(database, dsn):
    ours, theirs = await a_dossier(database), await a_dossier(database)
    their = await fill(database, theirs)
    named = (their.sent, their.received, their.message, their.endpoint, their.delivery)
    connection = await asyncpg.connect(dsn)
    try:
        before = await rows_of(connection, theirs)
        assert {name for name, rows in before.items() if not rows} <= EMPTY
        for name, call in CALLS.items():
            attempt = connection.transaction()
            await attempt.start()
            try:
                found = await call(Transaction(connection, ours), their)
            except (LookupError, Fault):
                found = None
            # What is asked for may be a key of the answer, with nothing behind it.
            told = repr(list(found.values()) if isinstance(found, Mapping) else found)
            assert not [each for each in named if str(each) in told], name
            assert not isinstance(found, idempotency.Stored | idempotency.Mismatch), name
            assert await rows_of(connection, theirs) == before, name
            await attempt.rollback()
    finally:
        await connection.close()
