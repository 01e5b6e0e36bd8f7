-- How much the objects of a schema take, of all users (0) and of each user who put some there, as last measured.
CREATE TABLE levada.object_usage (
    schema_id bigint NOT NULL,
    user_id bigint NOT NULL,
    object_count bigint NOT NULL,
    size_bytes bigint NOT NULL,
    measure_time timestamptz NOT NULL,
    PRIMARY KEY (schema_id, user_id)
);

-- The store for which an object was made, if it was copied into another since: attributes of that store take it.
ALTER TABLE levada.object ADD COLUMN made_for text COLLATE "C";
