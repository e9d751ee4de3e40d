-- Lists of the documents that stand somewhere, however many stand elsewhere.
-- depends: 0015_webhooks

-- migrate: apply

CREATE INDEX documents_standing
    ON documents (dossier_id, direction, status, created_at, id);

-- migrate: rollback

DROP INDEX documents_standing;
