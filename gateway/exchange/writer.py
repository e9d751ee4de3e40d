"""The receiving writer: many messages, one commit, and a receipt only after it.

Under load batches form by themselves, and an idle gateway commits a lone message at once.  Nothing
is answered before its commit, and a commit that fails answers none of its batch: the peer sends
again, and duplicates are recognised.  [PEPPOL-AS4 §2.6]
"""

import asyncio
import logging
from collections.abc import Sequence

from gateway.batches import Batcher
from gateway.errors import Unavailable
from gateway.store.messages import InboundRow, Outcome, receive_batch
from gateway.store.pool import Database

BATCH_ROWS_MAX = 128  # LIMIT: a larger batch saves nothing and delays its first message.
BATCH_BYTES_MAX = 16 * 1024 * 1024  # LIMIT: what one transaction sends to the database.
QUEUE_ROWS_MAX = 512  # LIMIT: 512 messages of at most 1 MiB wait; the next peer is sent away.
RETRY_AFTER_SECONDS = 5.0
COMMIT_TIMEOUT_SECONDS = 30.0  # LIMIT: a database that stays silent is down.

_LOG = logging.getLogger(__name__)


class BatchWriter:
    """Commits received messages in batches; handlers `put`, and `run` sees to a clean end.

    One batch at a time: a second one beside it would make two small ones of the same messages.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches = Batcher[InboundRow, Outcome](
            self._commit,
            batch_max=BATCH_ROWS_MAX,
            size=_size,
            size_max=BATCH_BYTES_MAX,
        )
        self._closed = False

    async def put(self, row: InboundRow) -> Outcome:
        """Return what became of *row* once its transaction has committed.

        Raises Unavailable when the queue is full, the gateway is stopping, or the commit failed;
        in the last case nobody knows whether the row is there, and sending again is safe.
        """
        if self._closed:
            raise Unavailable("the gateway is stopping", RETRY_AFTER_SECONDS)
        if self._batches.waiting >= QUEUE_ROWS_MAX:
            raise Unavailable("too many messages wait for the database", RETRY_AFTER_SECONDS)
        return await self._batches.ask(row)

    async def run(self, stop: asyncio.Event) -> None:
        """Take rows until *stop*, write what is still queued, then return."""
        await stop.wait()
        self._closed = True
        await self._batches.finish()

    async def _commit(self, rows: Sequence[InboundRow]) -> list[Outcome]:
        """Store *rows* in one transaction; when that fails, none of them has a receipt."""
        try:
            async with (
                asyncio.timeout(COMMIT_TIMEOUT_SECONDS),
                self._db.exchange_statements() as xtx,
            ):
                return await receive_batch(xtx, rows)
        except Exception as error:
            _LOG.error(
                "received messages not stored",
                extra={"messages": len(rows), "why": type(error).__name__},
            )
            raise Unavailable("the messages could not be stored", RETRY_AFTER_SECONDS) from error


def _size(row: InboundRow) -> int:
    return len(row.wire or b"") + len(row.receipt)
