-- Where a document's root element begins in its content, so that sealing need not look for it.
-- depends: 0005_messages

-- migrate: apply

-- Not known of documents that were accepted before: there sealing looks.
ALTER TABLE documents ADD COLUMN root_offset bigint;

-- migrate: rollback

ALTER TABLE documents DROP COLUMN root_offset;
