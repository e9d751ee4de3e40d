-- What is forgotten goes little by little: an endpoint of webhooks is gone at once, its log later.
-- depends: 0022_pages

-- migrate: apply

-- deleted_at: nobody sees the endpoint any more; it stays until its deliveries are forgotten.
ALTER TABLE webhook_endpoints ADD COLUMN deleted_at timestamptz;
CREATE INDEX webhook_endpoints_deleted ON webhook_endpoints (id) WHERE deleted_at IS NOT NULL;

CREATE POLICY deleted_endpoint ON webhook_endpoints FOR DELETE TO gateway_exchange
    USING (deleted_at IS NOT NULL);
CREATE POLICY deleted_delivery ON webhook_deliveries FOR DELETE TO gateway_exchange
    USING (EXISTS (
        SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id AND e.deleted_at IS NOT NULL
    ));
GRANT DELETE ON webhook_endpoints TO gateway_exchange;

-- migrate: rollback

REVOKE DELETE ON webhook_endpoints FROM gateway_exchange;
DROP POLICY deleted_delivery ON webhook_deliveries;
DROP POLICY deleted_endpoint ON webhook_endpoints;
ALTER TABLE webhook_endpoints NO FORCE ROW LEVEL SECURITY;
DELETE FROM webhook_endpoints WHERE deleted_at IS NOT NULL;
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
DROP INDEX webhook_endpoints_deleted;
ALTER TABLE webhook_endpoints DROP COLUMN deleted_at;
