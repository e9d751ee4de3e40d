"""The job behind a receipt: open what was received, and deliver its document to its dossier.

The message is durable and acknowledged already, so nothing here can lose it: the document becomes
delivered, or broken with the reason on its timeline. The facts commit together with the status
that says they are there, so running the job again changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from as4.errors import As4Error
from gateway.clock import Clock
from gateway.exchange.measure import Measured, measure_payload
from gateway.exchange.payload import read_payload
from gateway.exchange.states import Status, check_move
from gateway.store.archive import Archive
from gateway.store.deliveries import Finished, Step, finish_received, list_waiting
from gateway.store.jobs import documents_of
from gateway.store.messages import StoredMessage
from gateway.store.pool import Database
from ubl.errors import UblError

__all__ = ["Delivery"]

ROWS_MAX = 16  # LIMIT: messages of at most 1 MiB in memory at a time.


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
        by_dossier: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for document in documents_of(payload):
            by_dossier[document.dossier_id].append(document.document_id)
        for dossier_id, document_ids in by_dossier.items():
            for some in _portions(document_ids):
                await self._deliver(dossier_id, some)

    async def _deliver(self, dossier_id: UUID, document_ids: Sequence[UUID]) -> None:
        async with self.db.transaction(dossier_id) as tx:
            waiting = await list_waiting(tx, document_ids)
        finished = [await self._open(message) for message in waiting]
        if finished:
            async with self.db.transaction(dossier_id) as tx:
                await finish_received(tx, finished, now=self.clock.now())

    async def _open(self, message: StoredMessage) -> Finished:
        """Return what becomes of the document in *message*; a broken one has no way back."""
        measured: Measured | None = None
        try:
            measured = await measure_payload(
                lambda: read_payload(self.archive, message, bytes_max=self.envelope_bytes_max)
            )
            problem = measured.problem
        except (As4Error, UblError) as error:
            problem = f"the stored message cannot be opened: {error}"
        status = Status.BROKEN if problem else Status.DELIVERED
        check_move(Status.RECEIVED, status)
        return Finished(
            document_id=message.document_id,
            status=status,
            kind=measured.kind if measured else None,
            number=(measured.number or None) if measured else None,
            content_sha256=measured.document_sha256 if measured else None,
            size_bytes=measured.size_bytes if measured else None,
            steps=(_received(message), self._ended(status, measured, problem)),
        )

    def _ended(self, status: Status, measured: Measured | None, problem: str) -> Step:
        """Return the last step of the timeline; digests in hexadecimal."""
        text = f"The document cannot be read: {problem}" if problem else "Delivered"
        detail: dict[str, Any] = {"text": text}
        if measured is not None:
            detail["envelope_sha256"] = measured.envelope_sha256.hex()
            detail["document_sha256"] = measured.document_sha256.hex()
            detail["size_bytes"] = measured.size_bytes
        return Step(self.clock.now(), status, detail)


def _received(message: StoredMessage) -> Step:
    """Return the first step of the timeline: what the receipt acknowledged, and when."""
    detail = {
        "text": f"Received from access point {message.sending_ap}, receipt sent",
        "message_id": message.message_id,
        "sending_ap": message.sending_ap,
    }
    return Step(message.created_at, Status.RECEIVED, detail)


def _portions(document_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(document_ids), ROWS_MAX):
        yield document_ids[start : start + ROWS_MAX]
