"""Eras of the feed: its order outlives the cluster that counted the transactions.

A place in the feed is a number of a transaction, and each cluster counts its own.  A database that
was restored from a dump, or brought back to an earlier state, begins an era: its places come behind
all that were ever given, so whoever keeps one reads on where he stopped.
"""

import logging
from typing import Final

import asyncpg

from gateway.store.reaching import refusals_told

__all__ = ["follow_cluster"]

WIDTH: Final = 1 << 44
"""LIMIT: transactions of one era; at ten thousand a second that is half a century."""

logger = logging.getLogger(__name__)

# Who restores to a point in time goes on on another timeline of the same cluster.
CLUSTER: Final = """
SELECT system_identifier || '.' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
FROM pg_control_system()
"""

WRITER: Final = "SELECT cluster FROM feed_era FOR UPDATE"
NEXT: Final = "UPDATE feed_era SET era = era + 1, cluster = $1 RETURNING era"

# The function is constant but for this, so that plans have the number in them and nobody reads it.
PLACE: Final = """
CREATE OR REPLACE FUNCTION gateway_place(xid xid8) RETURNS xid8
LANGUAGE sql STABLE
AS 'SELECT ($1::text::bigint + {})::text::xid8'
"""


async def follow_cluster(dsn: str, *, restored: bool = False) -> int | None:
    """Begin an era where another cluster wrote the present one, or the database was *restored*.

    Returns the new era, None where the present one goes on.  *dsn* is the owner's, with the
    migrations applied; any number of processes may do this at once.  Raises Unavailable, and
    CannotUseDatabase.
    """
    with refusals_told():
        connection = await asyncpg.connect(dsn)
        try:
            return await _follow(connection, restored=restored)
        finally:
            await connection.close()


async def _follow(connection: asyncpg.Connection, *, restored: bool) -> int | None:
    async with connection.transaction():
        cluster = await connection.fetchval(CLUSTER)
        if not restored and await connection.fetchval(WRITER) == cluster:
            return None
        # Whoever writes events is waited for, and waits: an era has no writer of the one before.
        await connection.execute("LOCK TABLE documents, document_events IN ACCESS EXCLUSIVE MODE")
        era: int = await connection.fetchval(NEXT, cluster)
        await connection.execute(PLACE.format(era * WIDTH))
    logger.info("the feed goes on behind all that was shown: era %d", era)
    return era
