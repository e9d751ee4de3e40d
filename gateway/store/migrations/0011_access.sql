-- Keys that open several dossiers for some things and some time; each request answered once.
-- depends: 0010_findings

-- migrate: apply

-- The office is no dossier: it is whatever is about the whole gateway, and sees no books.
CREATE FUNCTION gateway_office() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $fn$ SELECT gateway_dossier() = '00000000-0000-0000-0000-000000000000'::uuid $fn$;

ALTER TABLE dossiers NO FORCE ROW LEVEL SECURITY;

-- reference: what the software that made the dossier calls it.
ALTER TABLE dossiers
    ADD COLUMN reference text,
    ADD COLUMN is_test boolean NOT NULL DEFAULT false,
    ADD COLUMN updated_at timestamptz;
UPDATE dossiers SET updated_at = created_at;
ALTER TABLE dossiers ALTER COLUMN updated_at SET NOT NULL;

ALTER TABLE dossiers FORCE ROW LEVEL SECURITY;

CREATE UNIQUE INDEX dossiers_reference ON dossiers (reference) WHERE reference IS NOT NULL;
CREATE INDEX dossiers_newest ON dossiers (created_at DESC, id DESC);

CREATE POLICY office ON dossiers TO gateway_app
    USING (gateway_office()) WITH CHECK (gateway_office());

GRANT INSERT, UPDATE (name, country, reference, updated_at) ON dossiers TO gateway_app;

ALTER TABLE api_keys RENAME TO api_keys_before;
ALTER TABLE api_keys_before NO FORCE ROW LEVEL SECURITY;

-- hint: the key's last characters. all_dossiers: it opens each dossier of its kind (is_test).
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    key_hash bytea NOT NULL UNIQUE,
    name text NOT NULL,
    hint text NOT NULL,
    is_test boolean NOT NULL,
    all_dossiers boolean NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    replaced_by uuid REFERENCES api_keys
);

CREATE INDEX api_keys_newest ON api_keys (created_at DESC, id DESC);

CREATE TABLE api_key_dossiers (
    key_id uuid NOT NULL REFERENCES api_keys,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    PRIMARY KEY (key_id, dossier_id)
);

-- A key from before opened its one dossier, for everything.
INSERT INTO api_keys (id, key_hash, name, hint, is_test, all_dossiers, scopes, created_at)
SELECT gen_random_uuid(), key_hash, name, '', false, true, '{*}', created_at FROM api_keys_before;

DROP TABLE api_keys_before;

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key_dossiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key_dossiers FORCE ROW LEVEL SECURITY;

CREATE POLICY office ON api_keys TO gateway_app USING (gateway_office());
CREATE POLICY office ON api_key_dossiers TO gateway_app USING (gateway_office());

-- Whose key this is, asked before anybody knows which dossier it is about.
CREATE POLICY any_key ON api_keys FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY any_key ON api_key_dossiers FOR SELECT TO gateway_exchange USING (true);

GRANT SELECT, INSERT, UPDATE (expires_at, revoked_at, last_used_at, replaced_by) ON api_keys
    TO gateway_app;
GRANT SELECT, INSERT ON api_key_dossiers TO gateway_app;
GRANT SELECT ON api_keys, api_key_dossiers TO gateway_exchange;

-- status is null while the request is carried out; sealed: body can be read with the API key alone.
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_dossier_id_fkey,
    ADD COLUMN content_type text NOT NULL DEFAULT 'application/json',
    ADD COLUMN location text,
    ADD COLUMN sealed boolean NOT NULL DEFAULT false;

CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at);

-- What is older than anybody repeats goes, across dossiers; nothing in it is read.
CREATE POLICY any_key ON idempotency_keys FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY old_key ON idempotency_keys FOR DELETE TO gateway_exchange USING (true);
GRANT SELECT (created_at), DELETE ON idempotency_keys TO gateway_exchange;

-- migrate: rollback

DROP POLICY old_key ON idempotency_keys;
DROP POLICY any_key ON idempotency_keys;
REVOKE SELECT (created_at), DELETE ON idempotency_keys FROM gateway_exchange;
DROP INDEX idempotency_keys_oldest;
ALTER TABLE idempotency_keys NO FORCE ROW LEVEL SECURITY;
DELETE FROM idempotency_keys WHERE dossier_id NOT IN (SELECT id FROM dossiers);
ALTER TABLE idempotency_keys
    DROP COLUMN sealed,
    DROP COLUMN location,
    DROP COLUMN content_type,
    ADD FOREIGN KEY (dossier_id) REFERENCES dossiers;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE api_keys RENAME TO api_keys_after;
ALTER TABLE api_keys_after NO FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key_dossiers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE dossiers NO FORCE ROW LEVEL SECURITY;

CREATE TABLE api_keys (
    key_hash bytea PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);

-- A key that opened more than one dossier opened more than this version can say.
INSERT INTO api_keys (key_hash, dossier_id, name, created_at)
SELECT k.key_hash, d.id, k.name, k.created_at
FROM api_keys_after k JOIN dossiers d ON d.is_default
WHERE k.all_dossiers AND k.scopes = '{*}' AND k.revoked_at IS NULL AND k.expires_at IS NULL;

DROP TABLE api_key_dossiers, api_keys_after;

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_dossier ON api_keys TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY any_key ON api_keys FOR SELECT TO gateway_exchange USING (true);
GRANT SELECT, INSERT, DELETE ON api_keys TO gateway_app;
GRANT SELECT ON api_keys TO gateway_exchange;

DROP POLICY office ON dossiers;
REVOKE INSERT, UPDATE (name, country, reference, updated_at) ON dossiers FROM gateway_app;
DROP INDEX dossiers_newest, dossiers_reference;
ALTER TABLE dossiers DROP COLUMN updated_at, DROP COLUMN is_test, DROP COLUMN reference;
ALTER TABLE dossiers FORCE ROW LEVEL SECURITY;

DROP FUNCTION gateway_office();
