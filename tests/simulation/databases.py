"""The databases of a simulated network: real ones, whose `now()` is the network's time.

They are made once and emptied before each schedule.  In their search path PostgreSQL's own schema
comes last: a `now()` of the simulation hides the true one and reads what the session was told.  A
trigger notes each move of a document from one status to another.
"""

import asyncio

import asyncpg

from tests.simulation.sessions import Sessions
from tests.support.database import TEMPLATE

PREPARE = """
CREATE SCHEMA sim;
GRANT USAGE ON SCHEMA sim TO PUBLIC;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.now')::timestamptz $$;
CREATE TABLE sim.moves (
    place bigserial PRIMARY KEY, document_id uuid NOT NULL, was text, became text NOT NULL
);
CREATE FUNCTION sim.note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO sim.moves (document_id, was, became) VALUES (new.id, old.status, new.status);
    RETURN NULL;
END $$;
CREATE TRIGGER note_move AFTER UPDATE OF status ON documents FOR EACH ROW
    WHEN (old.status <> new.status) EXECUTE FUNCTION sim.note_move();
CREATE TRIGGER note_first AFTER INSERT ON documents FOR EACH ROW
    EXECUTE FUNCTION sim.note_move();
"""

DEFAULTS = """
SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', adrelid::regclass, attname,
    replace(pg_get_expr(adbin, adrelid), 'now()', 'public.now()'))
FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
JOIN pg_class c ON c.oid = adrelid AND c.relnamespace = 'public'::regnamespace
WHERE pg_get_expr(adbin, adrelid) LIKE '%now()%'
"""

EMPTY = """
DO $$ BEGIN EXECUTE (
    SELECT 'CREATE FUNCTION sim.empty() RETURNS void LANGUAGE plpgsql AS $empty$ BEGIN '
        || string_agg(format('DELETE FROM %s;', c.oid::regclass), ' ' ORDER BY c.relname)
        || ' END $empty$'
    FROM pg_class c WHERE c.relkind = 'r' AND c.relname NOT LIKE '\\_pogo%'
        AND c.relnamespace IN ('public'::regnamespace, 'sim'::regnamespace)
); END $$
"""

SESSIONS_EACH = 12
"""Sessions of an access point: two pools of four, locks, queue, and who looks on."""


class Databases:
    """*count* databases on *server*, one for each access point.

    *empty* is the statement that makes each as new.
    """

    def __init__(self, server, count):
        self.server = server
        self.sessions = Sessions(idle_max=SESSIONS_EACH * count)
        self.dsns = asyncio.run(self._make(count))
        self.empty = "SET session_replication_role = replica; SELECT sim.empty(); RESET ALL"

    def sweep(self):
        """Let go of the room that many schedules took."""
        asyncio.run(self._sweep())

    def drop(self):
        self.sessions.close()
        asyncio.run(self._drop())

    async def _make(self, count):
        first = await self.server.create_database(template=TEMPLATE)
        name = first.rpartition("/")[2].partition("?")[0]
        connection = await asyncpg.connect(first)
        await connection.execute(PREPARE)
        for row in await connection.fetch(DEFAULTS):
            await connection.execute(row[0])
        await connection.execute(EMPTY)
        await connection.close()
        copies = range(count - 1)
        dsns = [first, *[await self.server.create_database(template=name) for _ in copies]]
        for dsn in dsns:
            await self._set_up(dsn)
        return dsns

    async def _set_up(self, dsn):
        connection = await asyncpg.connect(dsn)
        name = await connection.fetchval("SELECT current_database()")
        for setting in (
            "search_path = public, pg_catalog",
            # No power fails here; what a kill may lose was never committed.
            "synchronous_commit = off",
        ):
            await connection.execute(f"ALTER DATABASE {name} SET {setting}")
        await connection.close()

    async def _sweep(self):
        for dsn in self.dsns:
            connection = await asyncpg.connect(dsn)
            await connection.execute(self.empty)
            await connection.execute("VACUUM")
            await connection.close()

    async def _drop(self):
        for dsn in self.dsns:
            await self.server.drop_database(dsn)
