-- Less work for each message: an SMP's answer is stored once, a receipt with its attempt.
-- depends: 0008_sending

-- migrate: apply

-- The owner of the tables sees their rows only so, unless he is a superuser.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE attempts NO FORCE ROW LEVEL SECURITY;

-- The signed answers of SMPs that messages were sealed by: public, and the same for all dossiers.
CREATE TABLE smp_answers (
    sha256 bytea PRIMARY KEY,
    body bytea NOT NULL
);

GRANT SELECT, INSERT ON smp_answers TO gateway_app;

INSERT INTO smp_answers (sha256, body)
SELECT DISTINCT ON (sha256(signed_metadata)) sha256(signed_metadata), signed_metadata
FROM messages WHERE signed_metadata IS NOT NULL;

ALTER TABLE messages ADD COLUMN smp_answer_sha256 bytea;
UPDATE messages SET smp_answer_sha256 = sha256(signed_metadata) WHERE signed_metadata IS NOT NULL;
ALTER TABLE messages DROP COLUMN signed_metadata;

-- An outbound message's receipt is the answer to one of its attempts.
UPDATE attempts a SET answer = m.receipt, answer_content_type = m.receipt_content_type
FROM messages m
WHERE m.id = a.message_row_id AND m.direction = 'out' AND a.outcome = 'receipt';
UPDATE messages SET receipt = NULL WHERE direction = 'out';
ALTER TABLE messages DROP COLUMN receipt_content_type;
ALTER TABLE messages DROP CONSTRAINT messages_receipt_inbound;
ALTER TABLE messages ADD CONSTRAINT messages_receipt_inbound
    CHECK ((direction = 'in') = (receipt IS NOT NULL));
ALTER TABLE attempts ALTER COLUMN answer SET STORAGE EXTERNAL;

ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE attempts FORCE ROW LEVEL SECURITY;

ALTER TYPE sealed_message RENAME ATTRIBUTE signed_metadata TO smp_answer_sha256;

DROP TYPE attempt_ending;
CREATE TYPE attempt_ending AS (
    message_row_id uuid,
    number integer,
    at timestamptz,
    outcome text,
    phase text,
    detail text,
    answer bytea,
    answer_content_type text
);

-- Checked row by row, these took a quarter of the time.  docs/decisions/0007
ALTER TABLE documents DROP CONSTRAINT documents_dossier_id_fkey;
ALTER TABLE document_events DROP CONSTRAINT document_events_document_id_fkey;
ALTER TABLE messages DROP CONSTRAINT messages_document_id_fkey;
ALTER TABLE attempts DROP CONSTRAINT attempts_message_row_id_fkey;

-- The queue's log keeps what has something to tell.
CREATE FUNCTION gateway_not_logged() RETURNS TRIGGER LANGUAGE plpgsql AS $fn$
BEGIN
    RETURN NULL;
END
$fn$;

CREATE TRIGGER gateway_only_failures BEFORE INSERT ON pgqueuer_log
    FOR EACH ROW WHEN (NEW.traceback IS NULL) EXECUTE FUNCTION gateway_not_logged();

-- migrate: rollback

DROP TRIGGER gateway_only_failures ON pgqueuer_log;
DROP FUNCTION gateway_not_logged();

ALTER TABLE documents ADD FOREIGN KEY (dossier_id) REFERENCES dossiers;
ALTER TABLE document_events ADD FOREIGN KEY (document_id) REFERENCES documents;
ALTER TABLE messages ADD FOREIGN KEY (document_id) REFERENCES documents;
ALTER TABLE attempts ADD FOREIGN KEY (message_row_id) REFERENCES messages;

DROP TYPE attempt_ending;
CREATE TYPE attempt_ending AS (
    message_row_id uuid,
    number integer,
    at timestamptz,
    outcome text,
    phase text,
    detail text,
    receipt bytea,
    answer bytea,
    content_type text
);

ALTER TYPE sealed_message RENAME ATTRIBUTE smp_answer_sha256 TO signed_metadata;

-- The owner of the tables sees their rows only so, unless he is a superuser.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE attempts NO FORCE ROW LEVEL SECURITY;

ALTER TABLE attempts ALTER COLUMN answer SET STORAGE EXTENDED;
ALTER TABLE messages ADD COLUMN receipt_content_type text;
ALTER TABLE messages DROP CONSTRAINT messages_receipt_inbound;
ALTER TABLE messages ADD CONSTRAINT messages_receipt_inbound
    CHECK (direction = 'out' OR receipt IS NOT NULL);
UPDATE messages m SET receipt = a.answer, receipt_content_type = a.answer_content_type
FROM attempts a WHERE a.message_row_id = m.id AND a.outcome = 'receipt';
UPDATE attempts SET answer = NULL, answer_content_type = NULL WHERE outcome = 'receipt';

ALTER TABLE messages ADD COLUMN signed_metadata bytea;
UPDATE messages m SET signed_metadata = s.body
FROM smp_answers s WHERE s.sha256 = m.smp_answer_sha256;
ALTER TABLE messages DROP COLUMN smp_answer_sha256;

DROP TABLE smp_answers;

ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE attempts FORCE ROW LEVEL SECURITY;
