-- Documents in the order of their last change, and the inbox in the order of arrival.
-- depends: 0019_eras

-- migrate: apply

-- changed: the place of the last event. arrived: of its coming into the inbox. What lies there
-- already comes before all that will.
ALTER TABLE documents ADD COLUMN changed xid8 NOT NULL DEFAULT '0',
    ADD COLUMN arrived xid8 NOT NULL DEFAULT '0';
ALTER TABLE documents ALTER COLUMN changed SET DEFAULT gateway_place(pg_current_xact_id()),
    ALTER COLUMN arrived SET DEFAULT gateway_place(pg_current_xact_id());

-- The owner of the tables sees their rows only so, unless he is a superuser.
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE document_events NO FORCE ROW LEVEL SECURITY;
UPDATE documents d SET changed = e.xid FROM document_events e
    WHERE e.document_id = d.id AND e.seq = d.event_count;
ALTER TABLE document_events FORCE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;

CREATE INDEX documents_changed ON documents (dossier_id, direction, status, changed, id);

DROP INDEX documents_inbox;
CREATE INDEX documents_inbox ON documents (dossier_id, arrived, id)
    WHERE direction = 'in' AND status = 'delivered' AND acknowledged_at IS NULL;

-- migrate: rollback

DROP INDEX documents_inbox;
CREATE INDEX documents_inbox ON documents (dossier_id, created_at, id)
    WHERE direction = 'in' AND status = 'delivered' AND acknowledged_at IS NULL;
DROP INDEX documents_changed;
ALTER TABLE documents DROP COLUMN arrived, DROP COLUMN changed;
