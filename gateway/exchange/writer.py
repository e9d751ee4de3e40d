"""The receiving writer: many messages, one commit, and a receipt only after it.

Handlers put rows into a bounded queue and wait. Each writer task takes whatever is there and
commits it in one transaction: under load batches form by themselves, and an idle gateway commits
a lone message at once.  Nothing is answered before its commit, and a commit that fails answers
none of its batch: the peer sends again, and duplicates are recognised.  [PEPPOL-AS4 §2.6]
"""

import asyncio
import logging
from dataclasses import dataclass

from gateway.errors import Unavailable
from gateway.store.messages import InboundRow, Outcome, receive_batch
from gateway.store.pool import Database

WRITERS = 2  # LIMIT: one fills its batch while the other waits for the disk.
BATCH_ROWS_MAX = 128  # LIMIT: a larger batch saves nothing and delays its first message.
BATCH_BYTES_MAX = 16 * 1024 * 1024  # LIMIT: what one transaction sends to the database.
QUEUE_ROWS_MAX = 512  # LIMIT: 512 messages of at most 1 MiB wait; the next peer is sent away.
RETRY_AFTER_SECONDS = 5.0
COMMIT_TIMEOUT_SECONDS = 30.0  # LIMIT: a database that stays silent is down.

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    """A row, and the handler that waits for what became of it."""

    row: InboundRow
    outcome: asyncio.Future[Outcome]


class BatchWriter:
    """Commits received messages in batches; run it in a TaskGroup, `put` from handlers."""

    def __init__(self, db: Database, *, writers: int = WRITERS) -> None:
        self._db = db
        self._writers = writers
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(QUEUE_ROWS_MAX)
        self._closed = False

    async def put(self, row: InboundRow) -> Outcome:
        """Return what became of *row* once its transaction has committed.

        Raises Unavailable when the queue is full, the gateway is stopping, or the commit failed;
        in the last case nobody knows whether the row is there, and sending again is safe.
        """
        if self._closed:
            raise Unavailable("the gateway is stopping", RETRY_AFTER_SECONDS)
        waiting = _Waiting(row, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            raise Unavailable(
                "too many messages wait for the database", RETRY_AFTER_SECONDS
            ) from None
        return await waiting.outcome

    async def run(self, stop: asyncio.Event) -> None:
        """Write until *stop*, then what is still queued, then return."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._write()) for _ in range(self._writers)]
            await stop.wait()
            self._closed = True
            await self._queue.join()
            for task in tasks:
                task.cancel()

    async def _write(self) -> None:
        while True:
            batch = await self._take()
            try:
                await self._commit(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _take(self) -> list[_Waiting]:
        """Wait for one row, then take what is there without waiting, up to the bounds."""
        batch = [await self._queue.get()]
        size = _size(batch[0])
        while len(batch) < BATCH_ROWS_MAX and size < BATCH_BYTES_MAX and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            size += _size(batch[-1])
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Store *batch* in one transaction and tell its handlers; on failure none has a receipt."""
        try:
            async with (
                asyncio.timeout(COMMIT_TIMEOUT_SECONDS),
                self._db.exchange_statements() as xtx,
            ):
                outcomes = await receive_batch(xtx, [waiting.row for waiting in batch])
        except Exception as error:  # noqa: BLE001 - whatever failed, nobody of the batch is told yes
            _LOG.error(
                "received messages not stored",
                extra={"messages": len(batch), "why": type(error).__name__},
            )
            _fail(batch)
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.outcome.done():
                waiting.outcome.set_result(outcome)


def _fail(batch: list[_Waiting]) -> None:
    for waiting in batch:
        if not waiting.outcome.done():
            fault = Unavailable("the message could not be stored", RETRY_AFTER_SECONDS)
            waiting.outcome.set_exception(fault)


def _size(waiting: _Waiting) -> int:
    return len(waiting.row.wire or b"") + len(waiting.row.receipt)
