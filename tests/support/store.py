"""Rows for store tests: valid by default, the test names what matters."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from gateway.clock import SystemClock
from gateway.store.documents import NewDocument
from gateway.store.dossiers import Dossier
from gateway.store.messages import InboundRow, SealedRow, SealedWire
from gateway.store.pool import Database

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
    dossier = Dossier(uuid4(), name, "BE")
    async with database.exchange() as xtx:
        await xtx.connection.execute(
            "INSERT INTO dossiers (id, name, country, is_default, created_at)"
            " VALUES ($1, $2, $3, $4, $5)",
            dossier.id,
            dossier.name,
            dossier.country,
            default,
            NOW,
        )
    return dossier.id


async def execute(database: Database, dossier_id: UUID, statement: str, *arguments) -> None:
    """Run *statement* as the gateway would, in a transaction of its own."""
    async with database.transaction(dossier_id) as tx:
        await tx.connection.execute(statement, *arguments)


async def until(condition, *, seconds=10):
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
