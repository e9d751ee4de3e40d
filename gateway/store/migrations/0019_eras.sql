-- Places in the feed go on where a database is restored into another cluster.
-- depends: 0018_participants

-- migrate: apply

-- A cluster of its own counts its transactions from the start. What was written in another one, or
-- in what came before a restore, is of an earlier era; places are ordered by era, then transaction.
CREATE FUNCTION gateway_place(xid xid8) RETURNS xid8
LANGUAGE sql STABLE
AS 'SELECT ($1::text::bigint + 0)::text::xid8';

ALTER TABLE document_events ALTER COLUMN xid SET DEFAULT gateway_place(pg_current_xact_id());

CREATE OR REPLACE FUNCTION gateway_horizon() RETURNS xid8
LANGUAGE sql STABLE
AS $fn$
    SELECT gateway_place(coalesce(min(running.xid), pg_snapshot_xmax(pg_current_snapshot())))
    FROM pg_snapshot_xip(pg_current_snapshot()) AS running (xid)
    WHERE NOT EXISTS (
        SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        JOIN pg_database d ON d.oid = a.datid
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
            AND l.transactionid = running.xid::xid AND d.datname <> current_database()
    )
$fn$;

-- The present era, and which cluster writes it; none is known of what was written before.
CREATE TABLE feed_era (era integer NOT NULL, cluster text);

INSERT INTO feed_era VALUES (0, NULL);

-- migrate: rollback

DROP TABLE feed_era;
ALTER TABLE document_events ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE OR REPLACE FUNCTION gateway_horizon() RETURNS xid8
LANGUAGE sql STABLE
AS $fn$
    SELECT coalesce(min(running.xid), pg_snapshot_xmax(pg_current_snapshot()))
    FROM pg_snapshot_xip(pg_current_snapshot()) AS running (xid)
    WHERE NOT EXISTS (
        SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        JOIN pg_database d ON d.oid = a.datid
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
            AND l.transactionid = running.xid::xid AND d.datname <> current_database()
    )
$fn$;
DROP FUNCTION gateway_place(xid8);
