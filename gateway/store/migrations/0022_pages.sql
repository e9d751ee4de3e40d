-- Pages of keys, dossiers and deliveries that read no more rows than they show.
-- depends: 0021_cancelled_imports

-- migrate: apply

CREATE INDEX webhook_deliveries_standing
    ON webhook_deliveries (endpoint_id, status, created_at, id);

CREATE INDEX api_key_dossiers_dossier ON api_key_dossiers (dossier_id, key_id);
DROP INDEX api_keys_newest;
CREATE INDEX api_keys_newest ON api_keys (is_test, created_at DESC, id DESC);

DROP INDEX dossiers_newest;
CREATE INDEX dossiers_newest ON dossiers (is_test, created_at DESC, id DESC);

-- migrate: rollback

DROP INDEX dossiers_newest;
CREATE INDEX dossiers_newest ON dossiers (created_at DESC, id DESC);
DROP INDEX api_keys_newest;
CREATE INDEX api_keys_newest ON api_keys (created_at DESC, id DESC);
DROP INDEX api_key_dossiers_dossier;
DROP INDEX webhook_deliveries_standing;
