-- A transaction that reads the feed has not ended either.
-- depends: 0025_old_imports

-- migrate: apply

-- A snapshot does not list the transaction that takes it among those that run.
CREATE OR REPLACE FUNCTION gateway_horizon() RETURNS xid8
LANGUAGE sql STABLE
AS $fn$
    SELECT gateway_place(least(
        pg_current_xact_id_if_assigned(),
        coalesce(min(running.xid), pg_snapshot_xmax(pg_current_snapshot()))
    ))
    FROM pg_snapshot_xip(pg_current_snapshot()) AS running (xid)
    WHERE NOT EXISTS (
        SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        JOIN pg_database d ON d.oid = a.datid
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
            AND l.transactionid = running.xid::xid AND d.datname <> current_database()
    )
$fn$;

-- migrate: rollback

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
