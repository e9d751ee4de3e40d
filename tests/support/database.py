"""A real PostgreSQL for tests: one server for all test processes, one fresh database for each test.

The server is the gateway's own embedded one.  The first test process makes a migrated template;
every test gets a copy of it, which takes a few hundredths of a second.
"""

import asyncio
import itertools
import os
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import upgrade

TEMPLATE = "template_gateway"

_numbers = itertools.count(1)


async def plan_of(connection, call):
    """Return the plans of the queries that awaiting *call* sends on *connection*."""
    queries = []
    with connection.query_logger(queries.append):
        await call
        await asyncio.sleep(0)  # the driver hands its records over in the next turn of the loop
    own = [one for one in queries if "pg_catalog" not in one.query]  # the driver asks for types
    plans = [await connection.fetch(f"EXPLAIN {one.query}", *one.args) for one in own]
    return "\n".join(line[0] for plan in plans for line in plan)


class TestServer:
    """The server that the test processes share; the last of them to stop takes it down."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder)

    def start(self) -> None:
        asyncio.run(self._start())

    def stop(self) -> None:
        asyncio.run(self.postgres.stop())

    def dsn_of(self, database: str) -> str:
        return self.postgres.dsn.replace("/postgres?", f"/{database}?")

    async def _start(self) -> None:
        await self.postgres.start()
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            await connection.execute("SELECT pg_advisory_lock(1)")
            exists = "SELECT true FROM pg_database WHERE datname = $1 AND datistemplate"
            if await connection.fetchval(exists, TEMPLATE) is None:
                await connection.execute(f"CREATE DATABASE {TEMPLATE}")
                await upgrade(self.dsn_of(TEMPLATE))
                await connection.execute(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")
        finally:
            await connection.close()

    async def create_database(self, *, template: str = TEMPLATE) -> str:
        """Return the DSN of a fresh copy of *template*."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return self.dsn_of(name)

    async def drop_database(self, dsn: str) -> None:
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            name = urlsplit(dsn).path.lstrip("/")
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await connection.close()
