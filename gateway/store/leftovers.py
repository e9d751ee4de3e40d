"""Files that were kept for a commit that never came.

A crash between keeping a file and the commit that names it leaves the file behind.  Nothing was
acknowledged then, so it goes.
"""

from gateway.store.archive import Archive
from gateway.store.pool import Database

__all__ = ["sweep_archive"]

IDLE_SECONDS = 3600.0
"""LIMIT: a file younger than this may belong to a transaction under way."""

NAMES_MAX = 1000
"""LIMIT: how many names one query asks about."""

UNNAMED = """
SELECT name FROM unnest($1::text[]) AS name
WHERE NOT EXISTS (SELECT FROM messages WHERE wire_file = name)
  AND NOT EXISTS (SELECT FROM documents WHERE content_file = name)
  AND NOT EXISTS (SELECT FROM imports WHERE file = name)
"""


async def sweep_archive(
    db: Database, archive: Archive, *, idle_seconds: float = IDLE_SECONDS
) -> int:
    """Remove the files of *archive* that no row names; return how many.

    Files written in the last *idle_seconds* stay.
    """
    removed = 0
    idle = archive.idle_names(seconds=idle_seconds)
    for first in range(0, len(idle), NAMES_MAX):
        names = idle[first : first + NAMES_MAX]
        async with db.exchange_statements() as xtx:
            unnamed = await xtx.connection.fetch(UNNAMED, names)
        for row in unnamed:
            archive.delete(row["name"])
        removed += len(unnamed)
    return removed
