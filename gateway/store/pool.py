"""The pool of connections, and the two kinds of transaction that everything else works in.

A `Transaction` belongs to one dossier: it runs as the role `gateway_app`, names its dossier to the
server, and row security hides the rest.  An `OfficeTransaction` is about the gateway as a
whole and sees no dossier's rows.  An `ExchangeTransaction` runs as `gateway_exchange` and serves
the few functions that must look across dossiers.  Neither role owns a table.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import asyncpg

from gateway.errors import Unavailable
from gateway.store.errors import NotDurable
from gateway.store.reaching import UNREACHABLE, refusals_told

__all__ = [
    "OFFICE",
    "UNREACHABLE",
    "Database",
    "ExchangeTransaction",
    "OfficeTransaction",
    "Transaction",
    "assert_durable",
]

RETRY_SECONDS = 1.0

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    # asyncpg says this of a connection whose server died in the middle of an operation.
    asyncpg.InternalClientError,
)
"""What a statement raises when the server went away, is full or busy, or lost a race."""

SESSION = {
    "application_name": "peppol-gateway",
    # LIMIT: a statement of ours takes milliseconds; these only end what hangs.
    "statement_timeout": "60s",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "120s",
    "jit": "off",
    # A plan made anew for each batch costs more than running it; tests look at the plans.
    "plan_cache_mode": "force_generic_plan",
    "timezone": "UTC",
}

OFFICE = UUID(int=0)
"""Stands where a dossier's id would, when what is asked is about none."""

APP_ROLE = "gateway_app"
EXCHANGE_ROLE = "gateway_exchange"


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction for one dossier.  Only `gateway.store` uses its connection."""

    connection: Any
    dossier_id: UUID


@dataclass(frozen=True, slots=True)
class OfficeTransaction:
    """An open transaction for what is about the whole gateway: it sees no dossier's rows.

    It sees dossiers as such, API keys, and its own requests; *dossier_id* is that of no dossier.
    """

    connection: Any
    dossier_id: UUID = OFFICE


@dataclass(frozen=True, slots=True)
class ExchangeTransaction:
    """An open transaction, or a connection that commits each statement, across dossiers."""

    connection: Any


class Database:
    """Connections to one PostgreSQL database, of both roles."""

    def __init__(self, dsn: str, app: asyncpg.Pool, exchange: asyncpg.Pool) -> None:
        self.dsn = dsn
        self._app = app
        self._exchange = exchange

    @classmethod
    async def open(cls, dsn: str, *, min_size: int = 1, max_size: int = 8) -> Self:
        """Connect to the migrated database at *dsn*.

        *max_size* bounds the connections of each role; those of the exchange are made on demand.
        Raises Unavailable when there is no server, CannotUseDatabase when it refuses us.
        """
        with refusals_told():
            app = await _open_pool(dsn, APP_ROLE, min_size, max_size)
            exchange = await _open_pool(dsn, EXCHANGE_ROLE, 0, max_size)
        return cls(dsn, app, exchange)

    @asynccontextmanager
    async def transaction(self, dossier_id: UUID) -> AsyncIterator[Transaction]:
        """Open a transaction that sees *dossier_id* and nothing else.

        It commits at the end of the block and rolls back when the block raises.  Raises
        Unavailable when the server is away; then nothing of the block counts as stored.
        """
        # One round trip for both; a UUID cannot carry SQL.
        begin = f"BEGIN; SET LOCAL gateway.dossier = '{UUID(str(dossier_id))}'"
        async with _connection(self._app) as connection, _committed(connection, begin):
            yield Transaction(connection, dossier_id)

    @asynccontextmanager
    async def office(self) -> AsyncIterator[OfficeTransaction]:
        """Open a transaction about the whole gateway; else as `transaction`."""
        async with self.transaction(OFFICE) as tx:
            yield OfficeTransaction(tx.connection)

    @asynccontextmanager
    async def exchange(self) -> AsyncIterator[ExchangeTransaction]:
        """Open a transaction for the functions that look across dossiers; else as `transaction`."""
        async with _connection(self._exchange) as connection, _committed(connection, "BEGIN"):
            yield ExchangeTransaction(connection)

    @asynccontextmanager
    async def exchange_statements(self) -> AsyncIterator[ExchangeTransaction]:
        """Open a connection of the exchange where each statement commits by itself.

        For the receive path: one statement stores a batch, so BEGIN and COMMIT would only cost.
        """
        async with _connection(self._exchange) as connection:
            yield ExchangeTransaction(connection)

    async def close(self) -> None:
        """Close all connections, waiting for transactions under way."""
        await self._exchange.close()
        await self._app.close()


SETTINGS_QUERY = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')
"""

# What a session of another login, or one not opened yet, would get.
OVERRIDES_QUERY = """
SELECT d.datname AS database, r.rolname AS role, c.config
FROM pg_db_role_setting s
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
CROSS JOIN unnest(s.setconfig) AS c(config)
WHERE (s.setdatabase = 0 OR d.datname = current_database())
  AND (s.setrole = 0 OR r.rolname IN (session_user, 'gateway_app', 'gateway_exchange'))
  AND c.config LIKE 'synchronous_commit=%'
"""


async def assert_durable(db: Database) -> None:
    """Raise NotDurable unless a commit on *db* is on the disk when the server says so."""
    async with db.exchange_statements() as xtx:
        settings = await xtx.connection.fetch(SETTINGS_QUERY)
        overrides = await xtx.connection.fetch(OVERRIDES_QUERY)
    for row in settings:
        _check_setting(row["name"], row["setting"], "of the session")
    for row in overrides:
        name, _, value = row["config"].partition("=")
        where = [f"{kind} {row[kind]}" for kind in ("database", "role") if row[kind] is not None]
        _check_setting(name, value, "set for " + " and ".join(where))


def _check_setting(name: str, value: str, where: str) -> None:
    # remote_apply waits for more than on does.
    if value.lower() not in {"on", "true", "yes", "1", "remote_apply"}:
        raise NotDurable(name, value, where)


async def _open_pool(dsn: str, role: str, min_size: int, max_size: int) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        # As a start-up parameter the role is what RESET and DISCARD go back to.
        server_settings={**SESSION, "role": role},
        reset=_reset,
        command_timeout=90,
        timeout=10,
    )


async def _reset(_connection: asyncpg.Connection) -> None:
    """Nothing to reset: our transactions set nothing beyond their own end."""


@asynccontextmanager
async def _connection(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection of *pool*; say Unavailable for all that is the server's state."""
    try:
        connection = await pool.acquire(timeout=30)
    except (*UNREACHABLE, *LOST) as exc:
        raise Unavailable(f"no database connection: {exc}", RETRY_SECONDS) from exc
    try:
        yield connection
    except LOST as exc:
        if isinstance(exc, asyncpg.InternalClientError):
            _terminate(connection)
        raise Unavailable(f"the database did not do it: {exc}", RETRY_SECONDS) from exc
    except asyncpg.InterfaceError as exc:
        # Of a closed connection this is the server's state, of an open one it is our own bug.
        if not _is_gone(connection):
            raise
        raise Unavailable(f"the database went away: {exc}", RETRY_SECONDS) from exc
    finally:
        await pool.release(connection)


@asynccontextmanager
async def _committed(connection: asyncpg.Connection, begin: str) -> AsyncIterator[None]:
    await connection.execute(begin)
    try:
        yield
    except BaseException:
        # A cancelled task must not leave its half transaction to the next one.
        await asyncio.shield(_roll_back(connection))
        raise
    # The server answers ROLLBACK here when a failed statement was swallowed in the block.
    answer = await connection.execute("COMMIT")
    if answer != "COMMIT":
        raise Unavailable("the database rolled the transaction back", RETRY_SECONDS)


async def _roll_back(connection: asyncpg.Connection) -> None:
    try:
        await connection.execute("ROLLBACK", timeout=5)
    except (*UNREACHABLE, *LOST, asyncpg.InterfaceError, asyncpg.PostgresError):
        _terminate(connection)


def _is_gone(connection: asyncpg.Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        # The pool took the connection back by itself when the server closed it.
        return True


def _terminate(connection: asyncpg.Connection) -> None:
    with suppress(asyncpg.InterfaceError):
        connection.terminate()
