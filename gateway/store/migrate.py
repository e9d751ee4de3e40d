"""Bring a database to the schema this version needs.

Migrations are SQL files beside this module, applied in order by pogo-migrate, each in a transaction
of its own.  An advisory lock lets several processes start at once: one migrates, the others wait
and find the work done.
"""

import logging
from importlib.resources import as_file, files

import asyncpg
from pogo_core.error import BadMigrationError
from pogo_core.util import migrate, sql

from gateway.store.errors import MigrationFailed
from gateway.store.reaching import check_version, refusals_told

__all__ = ["upgrade"]

LOCK = 0x6761_7465_7761_7901
"""The key of the advisory lock: "gateway" and a one."""

logger = logging.getLogger(__name__)

SILENT = logging.Logger("pogo", logging.CRITICAL)  # noqa: LOG001 - it warns of each success


async def upgrade(dsn: str) -> list[str]:
    """Apply what is missing to the database at *dsn*; return the names applied, in order.

    *dsn* names a user who owns the database and may create roles, or has those that we need.
    Raises MigrationFailed, CannotUseDatabase, or Unavailable when there is no server.
    """
    with refusals_told():
        connection = await asyncpg.connect(dsn)
    try:
        check_version(connection)
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        return await _apply(connection)
    finally:
        # Ends the session, and with it the lock.
        await connection.close()


async def _apply(connection: asyncpg.Connection) -> list[str]:
    with refusals_told("let its user own the database: ALTER DATABASE … OWNER TO …"):
        await sql.ensure_pogo_sync(connection)
    before = await sql.get_applied_migrations(connection, schema_name="public")
    with as_file(files("gateway.store") / "migrations") as folder:
        try:
            await migrate.apply(connection, folder, schema_name="public", logger=SILENT)
        except BadMigrationError as exc:
            if isinstance(exc.__cause__, asyncpg.InsufficientPrivilegeError):
                with refusals_told():
                    raise exc.__cause__ from None
            raise MigrationFailed(f"{exc}: {exc.__cause__}") from exc
    after = await sql.get_applied_migrations(connection, schema_name="public")
    applied = sorted(after - before)
    if applied:
        logger.info("migrations applied: %s", ", ".join(applied))
    return applied
