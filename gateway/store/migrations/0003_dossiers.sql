-- Companies, the keys that open them, and what each of them receives.
-- depends: 0002_roles

-- migrate: apply

CREATE TABLE dossiers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    country text NOT NULL,
    is_default boolean NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX dossiers_default ON dossiers (is_default) WHERE is_default;

CREATE TABLE api_keys (
    key_hash bytea PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);

-- Grows with every change of what is published, also across a removal.
CREATE SEQUENCE publication_version;

CREATE TABLE participants (
    key text PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    scheme text NOT NULL,
    value text NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE INDEX participants_dossier ON participants (dossier_id);

CREATE TABLE participant_services (
    participant_key text NOT NULL REFERENCES participants ON DELETE CASCADE,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    document_type text NOT NULL,
    process text NOT NULL,
    PRIMARY KEY (participant_key, document_type, process)
);

CREATE TABLE participant_redirects (
    participant_key text NOT NULL REFERENCES participants ON DELETE CASCADE,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    document_type text NOT NULL,
    href text NOT NULL,
    certificate_uid text NOT NULL,
    PRIMARY KEY (participant_key, document_type)
);

ALTER TABLE dossiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE dossiers FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE participants ENABLE ROW LEVEL SECURITY;
ALTER TABLE participants FORCE ROW LEVEL SECURITY;
ALTER TABLE participant_services ENABLE ROW LEVEL SECURITY;
ALTER TABLE participant_services FORCE ROW LEVEL SECURITY;
ALTER TABLE participant_redirects ENABLE ROW LEVEL SECURITY;
ALTER TABLE participant_redirects FORCE ROW LEVEL SECURITY;

CREATE POLICY own_dossier ON dossiers TO gateway_app USING (id = gateway_dossier());
CREATE POLICY own_dossier ON api_keys TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON participants TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON participant_services TO gateway_app
    USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON participant_redirects TO gateway_app
    USING (dossier_id = gateway_dossier());

-- What must look across dossiers: the default dossier at start, whose key this is, whom we serve,
-- and what we publish.
CREATE POLICY any_dossier ON dossiers FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY new_dossier ON dossiers FOR INSERT TO gateway_exchange WITH CHECK (true);
CREATE POLICY any_key ON api_keys FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY any_participant ON participants FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY any_service ON participant_services FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY any_redirect ON participant_redirects FOR SELECT TO gateway_exchange USING (true);

GRANT SELECT ON dossiers TO gateway_app;
GRANT SELECT, INSERT ON dossiers TO gateway_exchange;
GRANT SELECT, INSERT, DELETE ON api_keys TO gateway_app;
GRANT SELECT ON api_keys TO gateway_exchange;
GRANT SELECT, INSERT, UPDATE, DELETE ON participants, participant_services, participant_redirects
    TO gateway_app;
GRANT SELECT ON participants, participant_services, participant_redirects TO gateway_exchange;
GRANT USAGE ON SEQUENCE publication_version TO gateway_app;

-- migrate: rollback

DROP TABLE participant_redirects, participant_services, participants, api_keys, dossiers;

DROP SEQUENCE publication_version;
