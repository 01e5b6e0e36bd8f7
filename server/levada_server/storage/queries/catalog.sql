-- name: read_version
SELECT version FROM levada.catalog_version;

-- name: current
-- One row, without columns, unless tables are not what a statement was made for: then none. Where nobody has changed the
-- catalog since, its one row says so, and no table is looked at. LIMIT tells PostgreSQL that there is one: it would expect
-- thousands in a table without statistics, and plan small inserts anew each time.
(SELECT FROM levada.catalog_version
 WHERE version <= {version} OR levada.unchanged({version}, {ids}::bigint[], {names}::text[], {with_children})
 LIMIT 1) AS here

-- name: require_current
-- The same, to be asked by itself. Arrays come as texts, whose type the driver does not have to look up.
SELECT FROM levada.catalog_version
WHERE version <= $1 OR levada.unchanged($1, $2::text::bigint[], $3::text::text[], $4);

-- name: raise_version
-- The lock of the row makes declarations, alterations and drops wait for each other.
UPDATE levada.catalog_version SET version = version + 1 RETURNING version;

-- name: read_schemas
SELECT s.name, s.create_time, count(t.id)::integer AS table_count, s.make_contract, s.confidential
FROM levada.schema s LEFT JOIN levada.table t ON t.schema_id = s.id
GROUP BY s.id ORDER BY s.name;

-- name: read_tables
-- All tables, or the one with an id; the same holds for the next three statements.
SELECT t.id, s.name AS schema, t.name, t.tier, t.comment, t.has_make, t.key_source, t.source_key, t.definition, s.make_contract,
       t.max_attempts, t.retry_delay, t.definer_id, t.rows_hidden, o.name AS owner
FROM levada.table t JOIN levada.schema s ON s.id = t.schema_id
LEFT JOIN levada.attribute o ON o.id = t.owner_attribute_id
WHERE $1::bigint IS NULL OR t.id = $1;

-- name: read_attributes
-- With the origin as text for messages.
SELECT a.id, a.table_id, a.name, a.type, a.primary_key, a.nullable, a.default_text, a.default_quoted, a.auto_increment,
       a.comment, a.origin_id, os.name || '.' || ot.name || '.' || o.name AS origin_label
FROM levada.attribute a
LEFT JOIN levada.attribute o ON o.id = a.origin_id
LEFT JOIN levada.table ot ON ot.id = o.table_id
LEFT JOIN levada.schema os ON os.id = ot.schema_id
WHERE $1::bigint IS NULL OR a.table_id = $1
ORDER BY a.table_id, a.position;

-- name: read_foreign_keys
SELECT table_id, parent_id, child_names, parent_names, primary_key, nullable, is_unique, comment
FROM levada.foreign_key
WHERE $1::bigint IS NULL OR table_id = $1
ORDER BY table_id, position;

-- name: read_indexes
SELECT table_id, expressions, is_unique FROM levada.index
WHERE $1::bigint IS NULL OR table_id = $1
ORDER BY table_id, position;

-- name: insert_schema
INSERT INTO levada.schema (name) VALUES ($1) RETURNING create_time;

-- name: update_schema
-- What is NULL stays.
UPDATE levada.schema SET make_contract = coalesce($2, make_contract), confidential = coalesce($3, confidential) WHERE name = $1;

-- name: delete_schema
DELETE FROM levada.schema WHERE name = $1;

-- name: insert_table
INSERT INTO levada.table (schema_id, name, stored_name, tier, comment, has_make, key_source, definition, max_attempts,
                          retry_delay, definer_id)
SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM levada.schema WHERE name = $1
RETURNING id;

-- name: update_make
-- The class of an existing table may gain or lose its `make`, and change its key source and its retry policy.
UPDATE levada.table SET has_make = $2, key_source = $3, max_attempts = $4, retry_delay = $5, definer_id = $6 WHERE id = $1;

-- name: update_ownership
UPDATE levada.table AS t SET
    owner_attribute_id = (SELECT a.id FROM levada.attribute a WHERE a.table_id = t.id AND a.name = $2), rows_hidden = $3
WHERE t.id = $1;

-- name: touch_tables
-- A trigger sets the version to the catalog's.
UPDATE levada.table SET version = 0 WHERE id = ANY($1::bigint[]);

-- name: update_source_key
UPDATE levada.table SET source_key = $2 WHERE id = $1;

-- name: delete_table
DELETE FROM levada.table WHERE id = $1;

-- name: insert_attribute
-- A native attribute of a key is its own origin.
INSERT INTO levada.attribute (table_id, position, name, type, primary_key, nullable, default_text, default_quoted,
                              auto_increment, comment, origin_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
        coalesce($11, CASE WHEN $5 THEN currval(pg_get_serial_sequence('levada.attribute', 'id')) END));

-- name: insert_foreign_key
INSERT INTO levada.foreign_key (table_id, position, parent_id, child_names, parent_names, primary_key, nullable,
                                is_unique, comment)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: insert_index
INSERT INTO levada.index (table_id, position, expressions, is_unique) VALUES ($1, $2, $3, $4);

-- name: read_definitions
-- The last definitions, in the order in which they were written.
SELECT definition, create_time FROM (
    SELECT * FROM levada.definition_history WHERE table_id = $1 ORDER BY id DESC LIMIT $2
) AS latest ORDER BY id;

-- name: read_former_table_names
SELECT table_id, schema_name, name FROM levada.former_table_name WHERE table_id = ANY($1::bigint[]) ORDER BY 1, 2, 3;

-- name: read_former_attribute_names
SELECT a.table_id, f.name AS former, a.name FROM levada.former_attribute_name AS f
JOIN levada.attribute AS a ON a.id = f.attribute_id WHERE a.table_id = ANY($1::bigint[]) ORDER BY 1, 2;

-- name: insert_definition
INSERT INTO levada.definition_history (table_id, definition) VALUES ($1, $2);

-- name: read_size
-- With its indexes, and with the values that are kept beside it because they are long.
SELECT pg_total_relation_size($1::regclass);

-- name: read_schema_bytes
-- By the files of its tables, which takes some microseconds for each, however many rows they have. Its objects are
-- measured now and then.
SELECT coalesce((
    SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind = 'r'
), 0) + coalesce((
    SELECT u.size_bytes FROM levada.object_usage u JOIN levada.schema s ON s.id = u.schema_id
    WHERE s.name = $1 AND u.user_id = 0
), 0);
