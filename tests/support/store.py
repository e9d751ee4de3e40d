"""Rows for store tests: valid by default, the test names what matters."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from gateway.clock import SystemClock
from gateway.store.documents import NewDocument, Step
from gateway.store.keys import EVERYTHING, ApiKey
from gateway.store.messages import InboundRow, SealedRow, SealedWire
from gateway.store.pool import Database
from gateway.store.sendings import Move

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLOCK = SystemClock()

INVOICE = (
    "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice"
    "##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
)
BILLING = "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def a_dossier(database: Database, *, name: str = "Acme", default: bool = False) -> UUID:
    dossier_id = uuid4()
    async with database.exchange() as xtx:
        await xtx.connection.execute(
            "INSERT INTO dossiers (id, name, country, is_test, is_default, created_at, updated_at)"
            " VALUES ($1, $2, 'BE', true, $3, $4, $4)",
            dossier_id,
            name,
            default,
            NOW,
        )
    return dossier_id


def an_api_key(*dossiers: UUID, **changes) -> ApiKey:
    """A key for everything in *dossiers*; in all of them without any."""
    given = {
        "id": uuid4(),
        "name": "key",
        "hint": "abcd",
        "is_test": True,
        "dossiers": frozenset(dossiers) or None,
        "scopes": frozenset({EVERYTHING}),
        "created_at": NOW,
    }
    return ApiKey(**given | changes)


async def execute(database: Database, dossier_id: UUID, statement: str, *arguments) -> None:
    """Run *statement* as the gateway would, in a transaction of its own."""
    async with database.transaction(dossier_id) as tx:
        await tx.connection.execute(statement, *arguments)


async def until(condition, *, seconds=60):
    """Ask *condition* again and again until its answer is true; return the answer."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 - a database sets no event
            await asyncio.sleep(0.02)
    return found


def a_document(**changed) -> NewDocument:
    values = {
        "id": CLOCK.uuid(),
        "status": "accepted",
        "sender": "0208:0123456749",
        "receiver": "0208:0987654394",
        "document_type": INVOICE,
        "process": BILLING,
        "content": b"<Invoice/>",
        "created_at": NOW,
    }
    return NewDocument(**values | changed)


def an_inbound_row(dossier_id: UUID, **changed) -> InboundRow:
    unique = CLOCK.uuid()
    values = {
        "document_id": CLOCK.uuid(),
        "message_row_id": CLOCK.uuid(),
        "dossier_id": dossier_id,
        "message_id": f"{unique}@sender.example",
        "sending_ap": "PBE000001",
        "receiving_ap": "PBE000002",
        "sender": "0208:0123456749",
        "receiver": "0208:0987654394",
        "document_type": INVOICE,
        "process": BILLING,
        "instance_identifier": str(unique),
        "attachment_digest": hashlib.sha256(unique.bytes).digest(),
        "content_type": 'multipart/related; boundary="b"',
        "wire": b"wire bytes",
        "wire_length": 10,
        "attachment_offset": 4,
        "attachment_length": 6,
        "transfer_encoding": "binary",
        "content_key": bytes(16),
        "compressed": True,
        "receipt": b"<Envelope/>",
        "received_at": NOW,
    }
    return InboundRow(**values | changed)


def a_sealed_wire(**changed) -> SealedWire:
    values = {
        "content_type": 'multipart/related; boundary="b"',
        "wire": b"sealed bytes",
        "wire_length": 12,
        "attachment_offset": 4,
        "attachment_length": 8,
        "content_key": bytes(16),
        "endpoint_address": "https://ap.example/as4",
        "endpoint_certificate": b"der",
        "smp_url": "https://smp.example",
        "signed_metadata": b"<SignedServiceMetadata/>",
    }
    return SealedWire(**values | changed)


def a_sealed_row(document_id: UUID, **changed) -> SealedRow:
    values = {
        "message_row_id": CLOCK.uuid(),
        "document_id": document_id,
        "message_id": f"{CLOCK.uuid()}@gateway.example",
        "sending_ap": "PBE000001",
        "receiving_ap": "PBE000002",
        "sender": "0208:0123456749",
        "receiver": "0208:0987654394",
        "instance_identifier": str(CLOCK.uuid()),
        "attachment_digest": bytes(32),
        "signed_references": [{"uri": "cid:1", "digest": "AA=="}],
        "body": a_sealed_wire(),
        "sealed_at": NOW,
    }
    return SealedRow(**values | changed)


def a_move(document_id: UUID, from_status: str, to_status: str, *, at=NOW, **detail) -> Move:
    """A move whose one step is called as the status it leads to."""
    return Move(
        document_id=document_id,
        from_status=from_status,
        to_status=to_status,
        steps=[Step(at, to_status, detail)],
        at=at,
    )


ORPHANS = """
SELECT (SELECT count(*) FROM documents d WHERE NOT EXISTS
            (SELECT FROM dossiers WHERE id = d.dossier_id))
     + (SELECT count(*) FROM document_events e WHERE about IS NULL AND NOT EXISTS
            (SELECT FROM documents WHERE id = e.document_id AND dossier_id = e.dossier_id))
     + (SELECT count(*) FROM messages m WHERE NOT EXISTS
            (SELECT FROM documents WHERE id = m.document_id AND dossier_id = m.dossier_id))
     + (SELECT count(*) FROM messages m WHERE m.smp_answer_sha256 IS NOT NULL AND NOT EXISTS
            (SELECT FROM smp_answers WHERE sha256 = m.smp_answer_sha256))
     + (SELECT count(*) FROM attempts a WHERE NOT EXISTS
            (SELECT FROM messages WHERE id = a.message_row_id AND dossier_id = a.dossier_id))
"""


async def count_orphans(dsn: str) -> int:
    """Return how many rows name a dossier, document, message or answer that is not there."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(ORPHANS)
    finally:
        await connection.close()
