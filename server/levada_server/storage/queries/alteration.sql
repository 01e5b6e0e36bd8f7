-- name: set_lock_timeout
-- For this transaction: an alteration that waits for a lock must not hold up the sessions behind it for long.
SELECT set_config('lock_timeout', $1, true);

-- name: read_checks
-- The CHECK constraints of single columns, whose names PostgreSQL chose.
SELECT a.attname AS attribute, c.conname AS name
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'c' AND cardinality(c.conkey) = 1 AND c.conrelid = to_regclass($1)
ORDER BY c.conname;

-- name: find_lossy
-- One value that a change of type would alter.
SELECT {column}::text FROM {table} WHERE {column} IS NOT NULL AND ({lossy}) LIMIT 1;

-- name: create_find_misfit
-- A function, because it continues after an expression fails: PostgreSQL does not say for which value it failed. The
-- transaction, and with it the function, is rolled back afterwards.
CREATE FUNCTION pg_temp.levada_find_misfit() RETURNS text LANGUAGE plpgsql AS $misfit$
#variable_conflict use_column
DECLARE
    _row record;
BEGIN
    FOR _row IN SELECT {column} AS _value FROM {table} WHERE {column} IS NOT NULL LOOP
        BEGIN
            PERFORM {lossy} FROM (SELECT _row._value AS {column}) AS one;
        EXCEPTION WHEN data_exception THEN
            RETURN _row._value::text;
        END;
    END LOOP;
    RETURN NULL;
END
$misfit$;

-- name: find_misfit
SELECT pg_temp.levada_find_misfit();

-- name: update_table
UPDATE levada.table SET tier = $2, comment = $3, definition = $4 WHERE id = $1;

-- name: keep_table_name
INSERT INTO levada.former_table_name (table_id, schema_name, name)
SELECT t.id, s.name, t.name FROM levada.table AS t JOIN levada.schema AS s ON s.id = t.schema_id WHERE t.id = $1
ON CONFLICT DO NOTHING;

-- name: keep_schema_name
INSERT INTO levada.former_table_name (table_id, schema_name, name)
SELECT t.id, s.name, t.name FROM levada.table AS t JOIN levada.schema AS s ON s.id = t.schema_id WHERE s.name = $1
ON CONFLICT DO NOTHING;

-- name: keep_attribute_name
INSERT INTO levada.former_attribute_name (attribute_id, name)
SELECT id, $2::text FROM levada.attribute WHERE table_id = $1 AND name = '_' || $2::text
ON CONFLICT DO NOTHING;

-- name: update_name
UPDATE levada.table SET name = $2, stored_name = $3 WHERE id = $1;

-- name: set_names_aside
-- No attribute's name begins with `_`, so two attributes can swap names by way of such a name.
UPDATE levada.attribute SET name = '_' || name WHERE table_id = $1 AND name = ANY($2::text[]);

-- name: rename_attribute
UPDATE levada.attribute SET name = $3 WHERE table_id = $1 AND name = '_' || $2;

-- name: delete_attributes
-- Only attributes of keys are origins of other attributes, and they are never dropped.
DELETE FROM levada.attribute WHERE table_id = $1 AND name <> ALL($2::text[]);

-- name: update_attribute
-- The id stays; a native attribute of a key is its own origin.
UPDATE levada.attribute
SET position = $2, type = $4, nullable = $5, default_text = $6, default_quoted = $7, comment = $8,
    origin_id = coalesce($9, CASE WHEN primary_key THEN id END)
WHERE table_id = $1 AND name = $3;

-- name: update_parent_names
-- A child names the attributes to which it refers.
UPDATE levada.foreign_key SET parent_names = $3 WHERE parent_id = $1 AND parent_names = $2::text[];

-- name: delete_foreign_keys
DELETE FROM levada.foreign_key WHERE table_id = $1;

-- name: delete_indexes
DELETE FROM levada.index WHERE table_id = $1;

-- name: schema_in_use
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1);

-- name: rename_schema
UPDATE levada.schema SET name = $2 WHERE name = $1 RETURNING create_time, make_contract;
