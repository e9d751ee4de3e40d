"""The job behind a receipt: open what was received, and deliver its document to its dossier.

The message is durable and acknowledged already, so nothing here can lose it: the document becomes
delivered, or broken with the reason on its timeline. The facts commit together with the status
that says they are there, so running the job again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from as4.errors import As4Error
from gateway.clock import Clock
from gateway.errors import Fault
from gateway.exchange.measure import Measured, measure_payload
from gateway.exchange.payload import read_payload
from gateway.exchange.states import Status, move
from gateway.store.archive import Archive
from gateway.store.documents import append_event, find_document, set_document_facts
from gateway.store.jobs import DocumentRef, documents_of
from gateway.store.messages import StoredMessage, find_message
from gateway.store.pool import Database, Transaction
from ubl.errors import UblError

__all__ = ["Delivery"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Delivers received documents; *envelope_bytes_max* is the bound they were received under."""

    db: Database
    archive: Archive
    clock: Clock
    envelope_bytes_max: int

    async def process_received(self, payload: Mapping[str, Any]) -> None:
        """Deliver every document that the job's *payload* names, unless that was done before.

        Raises Unavailable when the archive or the database cannot be read now.
        """
        for document in documents_of(payload):
            await self._deliver(document)

    async def _deliver(self, document: DocumentRef) -> None:
        async with self.db.transaction(document.dossier_id) as tx:
            found = await find_document(tx, document.document_id)
            if found is None or found.status != Status.RECEIVED:
                return
            message = await find_message(tx, document.document_id)
        assert message is not None, "a received document came in a message"
        measured, problem = await self._measure(message)
        try:
            async with self.db.transaction(document.dossier_id) as tx:
                await self._record(tx, message, measured, problem)
        except Fault as fault:
            # Another worker was faster; what it recorded is what we would have.
            if fault.code != "status-changed":
                raise

    async def _measure(self, message: StoredMessage) -> tuple[Measured | None, str]:
        """Return the facts of the document in *message*, and what is wrong with it, if anything."""
        try:
            measured = await measure_payload(
                lambda: read_payload(self.archive, message, bytes_max=self.envelope_bytes_max)
            )
        except (As4Error, UblError) as error:
            return None, f"the stored message cannot be opened: {error}"
        return measured, measured.problem

    async def _record(
        self, tx: Transaction, message: StoredMessage, measured: Measured | None, problem: str
    ) -> None:
        """Write status, facts and timeline of the document that *message* brought."""
        now, document_id = self.clock.now(), message.document_id
        status = Status.BROKEN if problem else Status.DELIVERED
        await move(tx, document_id, Status.RECEIVED, status, now=now)
        received = {
            "text": f"Received from access point {message.sending_ap}, receipt sent",
            "message_id": message.message_id,
            "sending_ap": message.sending_ap,
        }
        await append_event(tx, document_id, "received", received, now=message.created_at)
        facts: dict[str, Any] = {}
        if measured is not None:
            await set_document_facts(
                tx,
                document_id,
                kind=measured.kind,
                number=measured.number or None,
                content_sha256=measured.document_sha256,
                size_bytes=measured.size_bytes,
            )
            facts = _facts(measured)
        text = f"The document cannot be read: {problem}" if problem else "Delivered"
        await append_event(tx, document_id, status, {"text": text, **facts}, now=now)


def _facts(measured: Measured) -> dict[str, Any]:
    """Return what the timeline says of a document that was opened; digests in hexadecimal."""
    return {
        "envelope_sha256": measured.envelope_sha256.hex(),
        "document_sha256": measured.document_sha256.hex(),
        "size_bytes": measured.size_bytes,
    }
