-- What is handed over of documents that are sent: a batch of each of these is one array.
-- depends: 0007_arriving_messages

-- migrate: apply

CREATE TYPE document_move AS (
    id uuid,
    from_status text,
    to_status text,
    steps integer,
    instance_identifier text,
    at timestamptz
);

CREATE TYPE document_step AS (
    id uuid,
    nth integer,
    at timestamptz,
    name text,
    detail text
);

CREATE TYPE sealed_message AS (
    id uuid,
    document_id uuid,
    message_id text,
    sending_ap text,
    receiving_ap text,
    identity bytea,
    instance bytea,
    attachment_digest bytea,
    content_type text,
    wire bytea,
    wire_file text,
    wire_length bigint,
    attachment_offset bigint,
    attachment_length bigint,
    content_key bytea,
    endpoint_address text,
    endpoint_certificate bytea,
    smp_url text,
    signed_metadata bytea,
    signed_references text,
    sealed_at timestamptz
);

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

-- migrate: rollback

DROP TYPE attempt_ending, sealed_message, document_step, document_move;
