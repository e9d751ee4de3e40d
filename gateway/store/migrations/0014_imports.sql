-- Many documents in one file, worked through by a job, and what became of each.
-- depends: 0013_feed

-- migrate: apply

-- file: the upload in the archive, until all of it is done. next_offset: where the next entry is,
-- a line's first byte or an entry's place in the ZIP; next_position: what a person would call it.
CREATE TABLE imports (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'running', 'done')),
    media_type text NOT NULL,
    file text,
    size_bytes bigint NOT NULL,
    language text NOT NULL,
    duplicate boolean NOT NULL,
    total integer NOT NULL,
    accepted integer NOT NULL,
    refused integer NOT NULL,
    next_offset bigint NOT NULL,
    next_position integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT imports_file_until_done CHECK ((status = 'done') = (file IS NULL))
);

CREATE INDEX imports_newest ON imports (dossier_id, created_at DESC, id DESC);
CREATE INDEX imports_unfinished ON imports (dossier_id) WHERE status <> 'done';
CREATE INDEX imports_file ON imports (file) WHERE file IS NOT NULL;

-- problem: why the entry was refused, as JSON; a text, because names in it may be any.
CREATE TABLE import_results (
    import_id uuid NOT NULL,
    position integer NOT NULL,
    dossier_id uuid NOT NULL,
    name text,
    document_id uuid,
    problem text,
    PRIMARY KEY (import_id, position),
    CONSTRAINT import_results_one CHECK (num_nonnulls(document_id, problem) = 1)
);

ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
ALTER TABLE import_results ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_results FORCE ROW LEVEL SECURITY;

CREATE POLICY own_dossier ON imports TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON import_results TO gateway_app USING (dossier_id = gateway_dossier());

-- Which files of the archive are in use, asked across dossiers.
CREATE POLICY any_import ON imports FOR SELECT TO gateway_exchange USING (true);

GRANT SELECT, INSERT,
    UPDATE (status, file, accepted, refused, next_offset, next_position, updated_at)
    ON imports TO gateway_app;
GRANT SELECT (file) ON imports TO gateway_exchange;
GRANT SELECT, INSERT ON import_results TO gateway_app;

-- migrate: rollback

DROP TABLE import_results, imports;
