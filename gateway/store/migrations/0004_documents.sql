-- Business documents, their timelines, and the requests that brought them.
-- depends: 0003_dossiers

-- migrate: apply

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    direction text NOT NULL,
    status text NOT NULL,
    sender text NOT NULL,
    receiver text NOT NULL,
    document_type text NOT NULL,
    process text NOT NULL,
    kind text,
    number text,
    instance_identifier text,
    content_sha256 bytea,
    size_bytes bigint,
    flags text[] NOT NULL,
    options jsonb NOT NULL,
    content bytea,
    content_file text,
    event_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT documents_status_of_direction CHECK (
        CASE direction
            WHEN 'in' THEN status IN ('received', 'delivered', 'broken')
            WHEN 'out' THEN status IN ('accepted', 'sealed', 'sending', 'delivered', 'refused',
                'failed', 'uncertain', 'gave_up', 'waiting')
            ELSE false
        END
    ),
    CONSTRAINT documents_content_once CHECK (
        direction = 'in' OR num_nonnulls(content, content_file) = 1
    )
);

-- Read once or twice in its life: not worth compressing on the way in.
ALTER TABLE documents ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE INDEX documents_newest ON documents (dossier_id, created_at DESC, id DESC);

CREATE INDEX documents_content_file ON documents (content_file) WHERE content_file IS NOT NULL;

-- What still has a way to go, for the sweep.
CREATE INDEX documents_under_way ON documents (updated_at)
    WHERE status IN ('received', 'accepted', 'sealed', 'sending');

CREATE TABLE document_events (
    document_id uuid NOT NULL REFERENCES documents,
    seq integer NOT NULL,
    dossier_id uuid NOT NULL,
    at timestamptz NOT NULL,
    name text NOT NULL,
    detail jsonb NOT NULL,
    PRIMARY KEY (document_id, seq)
);

CREATE TABLE idempotency_keys (
    dossier_id uuid NOT NULL REFERENCES dossiers,
    key text NOT NULL,
    body_sha256 bytea NOT NULL,
    status integer,
    body bytea,
    document_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (dossier_id, key)
);

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE document_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_events FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY own_dossier ON documents TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON document_events TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON idempotency_keys TO gateway_app USING (dossier_id = gateway_dossier());

-- The receive path stores for whichever dossier the receiver belongs to; the sweep looks for what
-- stands still. Neither reads a document's content.
CREATE POLICY any_document ON documents FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY received_document ON documents FOR INSERT TO gateway_exchange
    WITH CHECK (direction = 'in' AND status = 'received');

GRANT SELECT, INSERT, UPDATE ON documents TO gateway_app;
GRANT SELECT (id, dossier_id, direction, status, content_file, updated_at) ON documents
    TO gateway_exchange;
GRANT INSERT ON documents TO gateway_exchange;
-- A timeline only grows.
GRANT SELECT, INSERT ON document_events TO gateway_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO gateway_app;

-- migrate: rollback

DROP TABLE idempotency_keys, document_events, documents;
