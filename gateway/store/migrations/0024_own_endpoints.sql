-- What is hung onto an endpoint of webhooks belongs to the dossier that the endpoint belongs to.
-- depends: 0023_forgetting

-- migrate: apply

ALTER TABLE webhook_endpoints ADD CONSTRAINT webhook_endpoints_own UNIQUE (id, dossier_id);

ALTER TABLE webhook_secrets
    DROP CONSTRAINT webhook_secrets_endpoint_id_fkey,
    ADD CONSTRAINT webhook_secrets_own FOREIGN KEY (endpoint_id, dossier_id)
        REFERENCES webhook_endpoints (id, dossier_id) ON DELETE CASCADE;
ALTER TABLE webhook_deliveries
    DROP CONSTRAINT webhook_deliveries_endpoint_id_fkey,
    ADD CONSTRAINT webhook_deliveries_own FOREIGN KEY (endpoint_id, dossier_id)
        REFERENCES webhook_endpoints (id, dossier_id) ON DELETE CASCADE;

-- migrate: rollback

ALTER TABLE webhook_deliveries
    DROP CONSTRAINT webhook_deliveries_own,
    ADD CONSTRAINT webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id)
        REFERENCES webhook_endpoints ON DELETE CASCADE;
ALTER TABLE webhook_secrets
    DROP CONSTRAINT webhook_secrets_own,
    ADD CONSTRAINT webhook_secrets_endpoint_id_fkey FOREIGN KEY (endpoint_id)
        REFERENCES webhook_endpoints ON DELETE CASCADE;
ALTER TABLE webhook_endpoints DROP CONSTRAINT webhook_endpoints_own;
