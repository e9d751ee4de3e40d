"""What sending reads and commits: once for all documents of a dossier that are at it together.

Many jobs bring one document each a step further.  Those that are about to read, to send, or have
their answer at the same time share a transaction; a lone one has its own at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.batches import Batcher
from gateway.store import sendings
from gateway.store.jobs import DocumentRef
from gateway.store.messages import (
    Ending,
    SealedRow,
    SealedWire,
    finish_attempts,
    insert_sealed,
    start_attempts,
)
from gateway.store.pool import Database, Transaction
from gateway.store.sendings import Move, Outgoing

__all__ = ["Beginning", "End", "Outbox"]

BATCH_MAX = 64  # LIMIT: a larger batch saves nothing.
BATCH_BYTES_MAX = 16 * 1024 * 1024  # LIMIT: what one transaction sends to the database.
PATIENCE_SECONDS = 0.15
"""How long the end of an attempt waits for those of other documents that are under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What an attempt needs on the disk first: its *move*, and what it sends.

    That is *sealed*, a new message, or the message *message_row_id* as it stands, or with *body*
    in place of its body.
    """

    dossier_id: UUID
    move: Move
    message_row_id: UUID
    sealed: SealedRow | None = None
    body: SealedWire | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a step ended: the document's *move*, and how the attempt ended if there was one."""

    dossier_id: UUID
    move: Move
    attempt: Ending | None = None


class Outbox:
    """The documents that are being sent, in *db*; *expected* says how many are under way."""

    def __init__(self, db: Database, *, expected: Callable[[], int]) -> None:
        self._db = db
        self._loads: Batcher[DocumentRef, Outgoing | None] = Batcher(
            self._load, batch_max=BATCH_MAX, group=lambda ref: ref.dossier_id
        )
        self._begins: Batcher[Beginning, int | None] = Batcher(
            self._begin,
            batch_max=BATCH_MAX,
            size=_size,
            size_max=BATCH_BYTES_MAX,
            group=lambda beginning: beginning.dossier_id,
        )
        self._ends: Batcher[End, bool] = Batcher(
            self._end,
            batch_max=BATCH_MAX,
            group=lambda end: end.dossier_id,
            expected=expected,
            patience=PATIENCE_SECONDS,
        )

    async def load(self, ref: DocumentRef) -> Outgoing | None:
        """Return the document with all that sending it needs; None if its dossier has none such.

        Raises Unavailable, as all of these do.
        """
        return await self._loads.ask(ref)

    async def begin(self, beginning: Beginning) -> int | None:
        """Commit what is about to leave, and that it leaves; return the attempt's number.

        None when the document no longer stands where the move begins; then nothing is stored.
        """
        return await self._begins.ask(beginning)

    async def end(self, end: End) -> bool:
        """Commit how a step ended; False when the document stands elsewhere by now."""
        return await self._ends.ask(end)

    async def _load(self, refs: Sequence[DocumentRef]) -> list[Outgoing | None]:
        async with self._db.transaction(refs[0].dossier_id) as tx:
            found = await sendings.load_outgoing(tx, [ref.document_id for ref in refs])
        return [found.get(ref.document_id) for ref in refs]

    async def _begin(self, beginnings: Sequence[Beginning]) -> list[int | None]:
        async with self._db.transaction(beginnings[0].dossier_id) as tx:
            moved = await sendings.move_documents(tx, [each.move for each in beginnings])
            begun = [each for each in beginnings if each.move.document_id in moved]
            numbers = await _write_messages(tx, begun)
        return [numbers.get(each.move.document_id) for each in beginnings]

    async def _end(self, ends: Sequence[End]) -> list[bool]:
        async with self._db.transaction(ends[0].dossier_id) as tx:
            moved = await sendings.move_documents(tx, [each.move for each in ends])
            attempts = [
                each.attempt
                for each in ends
                if each.attempt is not None and each.move.document_id in moved
            ]
            if attempts:
                await finish_attempts(tx, attempts)
        return [each.move.document_id in moved for each in ends]


async def _write_messages(tx: Transaction, begun: Sequence[Beginning]) -> dict[UUID, int]:
    """Store what is sent; return the number of each document's attempt."""
    sealed = [each.sealed for each in begun if each.sealed is not None]
    again = [each for each in begun if each.sealed is None]
    renewed = {each.message_row_id: each.body for each in again if each.body is not None}
    await insert_sealed(tx, sealed, renewed=renewed)
    numbers = {row.document_id: 1 for row in sealed}
    if again:
        now = again[0].move.at
        started = await start_attempts(tx, [each.message_row_id for each in again], now=now)
        numbers |= {each.move.document_id: started[each.message_row_id] for each in again}
    return numbers


def _size(beginning: Beginning) -> int:
    """Return how many bytes the database is sent for it."""
    body = beginning.body if beginning.sealed is None else beginning.sealed.body
    return 0 if body is None or body.wire is None else len(body.wire)
