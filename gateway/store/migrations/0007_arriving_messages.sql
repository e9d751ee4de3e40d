-- What is handed over of each message that came in: a batch of them is one array.
-- depends: 0006_root_offset

-- migrate: apply

CREATE TYPE arriving_message AS (
    id uuid,
    document_id uuid,
    dossier_id uuid,
    is_repeat boolean,
    message_id text,
    sending_ap text,
    receiving_ap text,
    sender text,
    receiver text,
    document_type text,
    process text,
    instance_identifier text,
    identity bytea,
    instance bytea,
    document_digest bytea,
    attachment_digest bytea,
    content_type text,
    wire bytea,
    wire_file text,
    wire_length bigint,
    attachment_offset bigint,
    attachment_length bigint,
    transfer_encoding text,
    content_key bytea,
    compressed boolean,
    receipt bytea,
    received_at timestamptz,
    flags text[]
);

-- migrate: rollback

DROP TYPE arriving_message;
