-- Files of uploads that clients send to the store themselves, in parts. The server has not read their bytes: it knows
-- their hash from the client alone, so such an object is not `verified`, and never shared by its content.
CREATE TABLE levada.object_parts (
    object_id uuid NOT NULL REFERENCES levada.object ON DELETE CASCADE,
    -- Of the file within the object's folder; empty for a single file.
    path text COLLATE "C" NOT NULL,
    -- By which the store knows the upload of this file.
    token text NOT NULL,
    size_bytes bigint NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (object_id, path)
);
ALTER TABLE levada.object ADD COLUMN verified boolean NOT NULL DEFAULT true;
DROP INDEX levada.object_content;
CREATE UNIQUE INDEX object_content ON levada.object (schema_id, store, codec, hash)
    WHERE codec IN ('blob', 'hash') AND state IN ('whole', 'quarantined') AND verified;
