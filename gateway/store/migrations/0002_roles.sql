-- The two roles the gateway works under; neither owns a table, neither bypasses row security.
-- depends: 0001_queue

-- migrate: apply

-- Roles belong to the whole server, so another database may have made them already, or be about to.
DO $roles$
DECLARE
    role_name text;
    may_work_under text := CASE
        WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET'
    END;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['gateway_app', 'gateway_exchange'] LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        -- From PostgreSQL 16 on, who creates a role is a member of it, but may not work under it.
        IF NOT pg_has_role(current_user, role_name, may_work_under) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        END IF;
    END LOOP;
END
$roles$;

GRANT USAGE ON SCHEMA public TO gateway_app, gateway_exchange;

-- The dossier a transaction works for, or NULL; policies compare with it.
CREATE FUNCTION gateway_dossier() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $fn$ SELECT nullif(current_setting('gateway.dossier', true), '')::uuid $fn$;

-- The queue holds identifiers only and is shared by all dossiers.
GRANT SELECT, INSERT, UPDATE, DELETE ON pgqueuer, pgqueuer_log, pgqueuer_statistics
    TO gateway_app, gateway_exchange;

GRANT USAGE ON SEQUENCE pgqueuer_id_seq, pgqueuer_log_id_seq, pgqueuer_statistics_id_seq
    TO gateway_app, gateway_exchange;

-- How often a job failed or took its worker down with it; the queue itself forgets the latter.
CREATE TABLE job_failures (
    job_id bigint PRIMARY KEY,
    failures integer NOT NULL,
    reference text NOT NULL
);

-- One row per turn of a schedule: whoever inserts it first enqueues the job.
CREATE TABLE schedule_slots (
    name text NOT NULL,
    slot timestamptz NOT NULL,
    PRIMARY KEY (name, slot)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON job_failures, schedule_slots
    TO gateway_app, gateway_exchange;

-- migrate: rollback

DROP TABLE schedule_slots, job_failures;

DROP FUNCTION gateway_dossier();
