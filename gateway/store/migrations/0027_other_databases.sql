-- Whoever ends in another database of the server while the feed is read holds nothing up either.
-- depends: 0026_own_places

-- migrate: apply

-- Which transactions are other databases' is asked before the snapshot is taken: of one that runs
-- in the snapshot and ended since, nobody can tell any more whose it was.  A query asks in a
-- statement of its own, before its rows: what is below the horizon is then visible to it.
CREATE OR REPLACE FUNCTION gateway_horizon() RETURNS xid8
LANGUAGE plpgsql VOLATILE
AS $fn$
DECLARE
    others xid[];
BEGIN
    PERFORM pg_stat_clear_snapshot();
    others := ARRAY(
        SELECT l.transactionid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        JOIN pg_database d ON d.oid = a.datid
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
            AND d.datname <> current_database()
    );
    RETURN (
        SELECT gateway_place(least(
            pg_current_xact_id_if_assigned(),
            coalesce(min(running.xid), pg_snapshot_xmax(pg_current_snapshot()))
        ))
        FROM pg_snapshot_xip(pg_current_snapshot()) AS running (xid)
        WHERE running.xid::xid <> ALL(others)
    );
END
$fn$;

-- migrate: rollback

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
