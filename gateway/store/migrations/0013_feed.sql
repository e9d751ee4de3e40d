-- What changed since a caller last asked, and what he has not taken from his inbox yet.
-- depends: 0012_numbers

-- migrate: apply

-- Transactions do not commit in the order of their events' instants, nor of any counter: whoever
-- follows a dossier reads by transaction, up to the oldest that is still running.
ALTER TABLE document_events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE INDEX document_events_feed ON document_events (dossier_id, xid, document_id, seq);

-- The oldest transaction that may still write here: what is older is complete. Those known to work
-- in another database of the server do not count.
CREATE FUNCTION gateway_horizon() RETURNS xid8
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

ALTER TABLE documents ADD COLUMN acknowledged_at timestamptz;

CREATE INDEX documents_inbox ON documents (dossier_id, created_at, id)
    WHERE direction = 'in' AND status = 'delivered' AND acknowledged_at IS NULL;

-- migrate: rollback

DROP INDEX documents_inbox;
ALTER TABLE documents DROP COLUMN acknowledged_at;
DROP FUNCTION gateway_horizon();
DROP INDEX document_events_feed;
ALTER TABLE document_events DROP COLUMN xid;
