-- What a check of the document found.
-- depends: 0009_once

-- migrate: apply

-- valid: false with a fatal finding, null where no rules apply; report: findings, rules, engine.
-- Documents from before this migration were not checked and have neither.
ALTER TABLE documents
    ADD COLUMN valid boolean,
    ADD COLUMN report jsonb,
    ADD CONSTRAINT documents_valid_by_report CHECK (valid IS NULL OR report IS NOT NULL);

-- migrate: rollback

ALTER TABLE documents
    DROP CONSTRAINT documents_valid_by_report,
    DROP COLUMN report,
    DROP COLUMN valid;
