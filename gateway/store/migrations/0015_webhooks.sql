-- Whom a dossier tells what happens in it, what each was told, and how it answered.
-- depends: 0014_imports

-- migrate: apply

-- place_*: how far the endpoint has read the dossier's feed. replaying_since: it was moved back, to
-- read again what is later than this; replaying_* is the place behind which all is new anyway.
CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    url text NOT NULL,
    description text,
    event_types text[] NOT NULL,
    is_enabled boolean NOT NULL,
    disabled_reason text CHECK (disabled_reason IN ('requested', 'gone', 'failing')),
    disabled_at timestamptz,
    failing_since timestamptz,
    place_xid xid8 NOT NULL,
    place_document uuid NOT NULL,
    place_seq integer NOT NULL,
    replaying_since timestamptz,
    replaying_xid xid8,
    replaying_document uuid,
    replaying_seq integer,
    relayed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT webhook_endpoints_disabled CHECK (is_enabled = (disabled_reason IS NULL))
);

CREATE INDEX webhook_endpoints_dossier ON webhook_endpoints (dossier_id);

-- What messages are signed with: it has to be readable, unlike an API key.
CREATE TABLE webhook_secrets (
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    dossier_id uuid NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (endpoint_id, secret)
);

-- One event for one endpoint; body is the very text that is signed and sent.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    dossier_id uuid NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    body text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempt_count integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT webhook_deliveries_due CHECK (
        (status = 'pending') = (next_attempt_at IS NOT NULL)
    )
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at, id)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_newest
    ON webhook_deliveries (endpoint_id, created_at DESC, id DESC);

CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    number integer NOT NULL,
    dossier_id uuid NOT NULL,
    at timestamptz NOT NULL,
    milliseconds integer NOT NULL,
    status integer,
    answer text,
    error text,
    PRIMARY KEY (delivery_id, number)
);

ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts FORCE ROW LEVEL SECURITY;

CREATE POLICY own_dossier ON webhook_endpoints TO gateway_app
    USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON webhook_secrets TO gateway_app
    USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON webhook_deliveries TO gateway_app
    USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON webhook_attempts TO gateway_app
    USING (dossier_id = gateway_dossier());

-- Across dossiers: which endpoints have something to read or to be sent, and what is old enough to
-- be forgotten. Neither what was sent nor what it is signed with is read.
CREATE POLICY any_endpoint ON webhook_endpoints FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY any_delivery ON webhook_deliveries FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY old_delivery ON webhook_deliveries FOR DELETE TO gateway_exchange
    USING (status <> 'pending');
CREATE POLICY any_event ON document_events FOR SELECT TO gateway_exchange USING (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoints, webhook_secrets TO gateway_app;
GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO gateway_app;
GRANT SELECT, INSERT ON webhook_attempts TO gateway_app;
GRANT SELECT ON webhook_endpoints TO gateway_exchange;
GRANT SELECT (id, endpoint_id, status, next_attempt_at), DELETE ON webhook_deliveries
    TO gateway_exchange;
GRANT SELECT (dossier_id, document_id, seq, xid) ON document_events TO gateway_exchange;

-- migrate: rollback

REVOKE SELECT (dossier_id, document_id, seq, xid) ON document_events FROM gateway_exchange;
DROP POLICY any_event ON document_events;
DROP TABLE webhook_attempts, webhook_deliveries, webhook_secrets, webhook_endpoints;
