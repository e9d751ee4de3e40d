-- AS4 messages as they were on the wire, their receipts, and every attempt to send one.
-- depends: 0004_documents

-- migrate: apply

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    -- A second message with a document we have already: acknowledged, not delivered again.
    is_repeat boolean NOT NULL DEFAULT false,
    message_id text NOT NULL,
    sending_ap text NOT NULL,
    receiving_ap text NOT NULL,
    -- SHA-256 of (sending AP, MessageId), and of (sending AP, sender, receiver, instance): peers
    -- choose the length of the names, and an index entry has a limit.
    identity bytea NOT NULL,
    instance bytea NOT NULL,
    document_digest bytea NOT NULL,
    attachment_digest bytea NOT NULL,
    content_type text NOT NULL,
    wire bytea,
    wire_file text,
    wire_length bigint NOT NULL,
    attachment_offset bigint NOT NULL,
    attachment_length bigint NOT NULL,
    transfer_encoding text NOT NULL,
    content_key bytea NOT NULL,
    compressed boolean NOT NULL,
    receipt bytea,
    receipt_content_type text,
    endpoint_address text,
    endpoint_certificate bytea,
    smp_url text,
    signed_metadata bytea,
    signed_references jsonb,
    attempt_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    CONSTRAINT messages_wire_once CHECK (num_nonnulls(wire, wire_file) = 1),
    CONSTRAINT messages_receipt_inbound CHECK (direction = 'out' OR receipt IS NOT NULL)
);

-- Encrypted bodies do not compress.
ALTER TABLE messages ALTER COLUMN wire SET STORAGE EXTERNAL;
ALTER TABLE messages ALTER COLUMN receipt SET STORAGE EXTERNAL;

-- One delivery per sending access point and MessageId, and per business document.
CREATE UNIQUE INDEX messages_inbound_identity ON messages (identity) WHERE direction = 'in';
CREATE UNIQUE INDEX messages_inbound_instance ON messages (instance, document_digest)
    WHERE direction = 'in' AND NOT is_repeat;
CREATE UNIQUE INDEX messages_outbound_identity ON messages (message_id) WHERE direction = 'out';
CREATE INDEX messages_document ON messages (document_id);
CREATE INDEX messages_wire_file ON messages (wire_file) WHERE wire_file IS NOT NULL;

CREATE TABLE attempts (
    message_row_id uuid NOT NULL REFERENCES messages,
    number integer NOT NULL,
    dossier_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text,
    phase text,
    detail text,
    answer bytea,
    answer_content_type text,
    PRIMARY KEY (message_row_id, number)
);

ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE attempts FORCE ROW LEVEL SECURITY;

CREATE POLICY own_dossier ON messages TO gateway_app USING (dossier_id = gateway_dossier());
CREATE POLICY own_dossier ON attempts TO gateway_app USING (dossier_id = gateway_dossier());

-- A duplicate is a duplicate whichever dossier the first one went to; and a file that any message
-- names is not a leftover.
CREATE POLICY received_message ON messages FOR SELECT TO gateway_exchange
    USING (direction = 'in' OR wire_file IS NOT NULL);
CREATE POLICY receive_message ON messages FOR INSERT TO gateway_exchange
    WITH CHECK (direction = 'in');

GRANT SELECT, INSERT, UPDATE ON messages TO gateway_app;
GRANT SELECT, INSERT ON messages TO gateway_exchange;
GRANT SELECT, INSERT, UPDATE ON attempts TO gateway_app;

-- migrate: rollback

DROP TABLE attempts, messages;
