-- Imports that ended long ago are forgotten, with what became of their entries.
-- depends: 0024_own_endpoints

-- migrate: apply

CREATE INDEX imports_ended ON imports (updated_at) WHERE status IN ('done', 'failed', 'cancelled');

CREATE POLICY ended_import ON imports FOR DELETE TO gateway_exchange
    USING (status IN ('done', 'failed', 'cancelled'));
CREATE POLICY any_result ON import_results FOR SELECT TO gateway_exchange USING (true);
CREATE POLICY ended_result ON import_results FOR DELETE TO gateway_exchange
    USING (EXISTS (
        SELECT FROM imports i WHERE i.id = import_id AND i.status IN ('done', 'failed', 'cancelled')
    ));
GRANT SELECT (updated_at), DELETE ON imports TO gateway_exchange;
GRANT SELECT (import_id, position), DELETE ON import_results TO gateway_exchange;

-- migrate: rollback

REVOKE SELECT (import_id, position), DELETE ON import_results FROM gateway_exchange;
REVOKE SELECT (updated_at), DELETE ON imports FROM gateway_exchange;
DROP POLICY ended_result ON import_results;
DROP POLICY any_result ON import_results;
DROP POLICY ended_import ON imports;
DROP INDEX imports_ended;
