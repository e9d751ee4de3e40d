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

WAITING = """
SELECT count(*) FROM pg_locks w WHERE NOT granted AND EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.pid = w.pid AND d.datname = current_database()
)
"""
"""How many wait for a lock, in this database alone: other tests share the server."""

SCHEMA_QUERY = """
WITH ours AS (
    SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '\\_pogo%'
)
SELECT format('column %s.%s %s%s%s storage %s', relname, attname,
    format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' ELSE '' END,
    ' default ' || pg_get_expr(adbin, adrelid), attstorage) AS line
FROM ours JOIN pg_attribute a ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'c')
UNION ALL
SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(c.oid))
FROM pg_constraint c JOIN ours ON ours.oid = conrelid WHERE contype <> 'n'
UNION ALL
SELECT 'index ' || pg_get_indexdef(oid) FROM ours WHERE relkind = 'i'
UNION ALL
SELECT format('security %s enabled %s forced %s', relname, relrowsecurity, relforcerowsecurity)
FROM ours WHERE relkind = 'r'
UNION ALL
SELECT format('policy %s on %s for %s to %s using %s check %s', policyname, tablename, cmd,
    roles, qual, with_check)
FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT format('grant %s on %s to %s', string_agg(privilege_type, ', ' ORDER BY privilege_type),
    relname, grantee::regrole)
FROM ours, aclexplode(relacl) WHERE grantee::regrole::text LIKE 'gateway\\_%'
GROUP BY relname, grantee
UNION ALL
SELECT format('grant select (%s) on %s to %s', string_agg(attname, ', ' ORDER BY attname),
    relname, grantee::regrole)
FROM ours JOIN pg_attribute ON attrelid = ours.oid, aclexplode(attacl)
GROUP BY relname, grantee
UNION ALL
SELECT format('function %s %s', oid::regprocedure, md5(prosrc))
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
UNION ALL
SELECT format('sequence %s', relname) FROM ours WHERE relkind = 'S'
UNION ALL
SELECT format('enum %s %s', enumtypid::regtype, string_agg(enumlabel, ', ' ORDER BY enumsortorder))
FROM pg_enum GROUP BY enumtypid
"""

_numbers = itertools.count(1)


async def plan_of(connection, call):
    """Return the plans of the queries that awaiting *call* sends on *connection*.

    They are the generic ones, made without the values: those are what the gateway runs by.
    """
    queries = []
    with connection.query_logger(queries.append):
        await call
        await asyncio.sleep(0)  # the driver hands its records over in the next turn of the loop
    own = [one for one in queries if "pg_catalog" not in one.query]  # the driver asks for types
    plans = [await _generic_plan(connection, one.query, len(one.args)) for one in own]
    return "\n".join(line[0] for plan in plans for line in plan)


async def _generic_plan(connection, query, arguments):
    await connection.execute(f"PREPARE explained AS {query}")
    values = ", ".join(["NULL"] * arguments)
    plan = await connection.fetch(f"EXPLAIN EXECUTE explained{f'({values})' if values else ''}")
    await connection.execute("DEALLOCATE explained")
    return plan


async def schema_of(connection):
    """Return the schema as text: what the catalogues say, one object a line, sorted."""
    rows = await connection.fetch(SCHEMA_QUERY)
    return "\n".join(sorted(row["line"] for row in rows)) + "\n"


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
