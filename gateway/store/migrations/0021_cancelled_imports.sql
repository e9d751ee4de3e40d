-- An import that its owner ended: what was accepted stays, the rest is not done.
-- depends: 0020_walks

-- migrate: apply

ALTER TABLE imports DROP CONSTRAINT imports_status_check;
ALTER TABLE imports ADD CONSTRAINT imports_status_check
    CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled'));
ALTER TABLE imports DROP CONSTRAINT imports_file_until_done;
ALTER TABLE imports ADD CONSTRAINT imports_file_until_ended
    CHECK ((status IN ('done', 'cancelled')) = (file IS NULL));

-- migrate: rollback

-- The owner of the tables sees their rows only so, unless he is a superuser.
ALTER TABLE imports NO FORCE ROW LEVEL SECURITY;

UPDATE imports SET status = 'done' WHERE status = 'cancelled';
ALTER TABLE imports DROP CONSTRAINT imports_file_until_ended;
ALTER TABLE imports ADD CONSTRAINT imports_file_until_done
    CHECK ((status = 'done') = (file IS NULL));
ALTER TABLE imports DROP CONSTRAINT imports_status_check;
ALTER TABLE imports ADD CONSTRAINT imports_status_check
    CHECK (status IN ('waiting', 'running', 'done', 'failed'));

ALTER TABLE imports FORCE ROW LEVEL SECURITY;
