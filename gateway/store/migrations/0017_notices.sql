-- The feed tells of more than documents: of imports that end, and of what happens to webhooks.
-- depends: 0016_standing

-- migrate: apply

-- about: what document_id is the id of; nothing is a document, which costs such a row no byte.
ALTER TABLE document_events ADD COLUMN about text
    CHECK (about IN ('import', 'endpoint', 'webhook'));

-- An import that cannot go on has failed; its file is kept for whoever looks into it.
ALTER TABLE imports DROP CONSTRAINT imports_status_check;
ALTER TABLE imports ADD CONSTRAINT imports_status_check
    CHECK (status IN ('waiting', 'running', 'done', 'failed'));
DROP INDEX imports_unfinished;
CREATE INDEX imports_unfinished ON imports (dossier_id) WHERE status IN ('waiting', 'running');

-- Which imports a job was given up on, asked across dossiers.
GRANT SELECT (id, dossier_id, status) ON imports TO gateway_exchange;

-- migrate: rollback

REVOKE SELECT (id, dossier_id, status) ON imports FROM gateway_exchange;

-- The owner of the tables sees their rows only so, unless he is a superuser.
ALTER TABLE imports NO FORCE ROW LEVEL SECURITY;
ALTER TABLE document_events NO FORCE ROW LEVEL SECURITY;

DROP INDEX imports_unfinished;
CREATE INDEX imports_unfinished ON imports (dossier_id) WHERE status <> 'done';
UPDATE imports SET status = 'running' WHERE status = 'failed';
ALTER TABLE imports DROP CONSTRAINT imports_status_check;
ALTER TABLE imports ADD CONSTRAINT imports_status_check
    CHECK (status IN ('waiting', 'running', 'done'));
DELETE FROM document_events WHERE about IS NOT NULL;
ALTER TABLE document_events DROP COLUMN about;

ALTER TABLE document_events FORCE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
