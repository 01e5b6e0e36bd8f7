-- Objects in stores: the bytes lie there, and rows name them by id.
-- uploading: its bytes come in. whole: rows may name it. quarantined: no row named it when somebody looked; a row that
-- names it again makes it whole. doomed: it is being removed, and no row can name it any more.
CREATE TABLE levada.object (
    id uuid PRIMARY KEY,
    schema_id bigint NOT NULL,
    codec text NOT NULL,
    store text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    folder boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('uploading', 'whole', 'quarantined', 'doomed')),
    size_bytes bigint,
    hash text,
    file_count bigint,
    dtype text,
    shape bigint[],
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Until then it stays although no row names it.
    expire_time timestamptz NOT NULL,
    quarantine_time timestamptz,
    CHECK (state IN ('uploading', 'doomed') OR (size_bytes IS NOT NULL AND hash IS NOT NULL)),
    CHECK ((quarantine_time IS NOT NULL) = (state = 'quarantined'))
);
-- What is addressed by its content is there once in a schema: to know a hash is not to know what other schemas hold.
CREATE UNIQUE INDEX object_content ON levada.object (schema_id, store, codec, hash)
    WHERE codec IN ('blob', 'hash') AND state IN ('whole', 'quarantined');
CREATE INDEX object_unfinished ON levada.object (state) WHERE state <> 'whole';
