"""Is this the same business document? Asked only when an envelope's identifier is known already.

Nothing is hashed for the usual message; when an identifier comes back, both documents are read
and compared by their SHA-256.
"""

from dataclasses import dataclass

from gateway.exchange.measure import measure_payload
from gateway.exchange.payload import SealedPayload, read_payload
from gateway.store.archive import Archive
from gateway.store.messages import InboundRow, StoredMessage, find_by_instance
from gateway.store.pool import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Compares a document with those that came in envelopes of the same identifier."""

    db: Database
    archive: Archive
    envelope_bytes_max: int

    async def digest(self, sealed: SealedPayload) -> bytes:
        """Return the SHA-256 of the business document in *sealed*."""
        measured = await measure_payload(
            lambda: read_payload(self.archive, sealed, bytes_max=self.envelope_bytes_max)
        )
        return measured.document_sha256

    async def find_same(self, row: InboundRow, digest: bytes) -> StoredMessage | None:
        """Return the message that brought the document of *digest* in the envelope of *row*."""
        async with self.db.exchange_statements() as xtx:
            stored = await find_by_instance(
                xtx, row.sending_ap, row.sender, row.receiver, row.instance_identifier
            )
        for message in stored:
            known = message.document_digest or await self.digest(message)
            if known == digest:
                return message
        return None
