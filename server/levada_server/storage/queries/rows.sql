-- name: insert
-- All rows at once; a missing value takes the attribute's default.
INSERT INTO {table} ({names}) SELECT {values} FROM {rows} {conflict};

-- name: replace
-- Among rows with the same key the last one counts, because one statement may not update a row twice.
INSERT INTO {table} ({names})
SELECT DISTINCT ON ({key}) {values} FROM {rows} ORDER BY {key}, r._row DESC
{conflict};

-- name: create_stage
-- It has the table's columns without the constraints; `_row` is the number of each row.
CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {names}, 0::bigint AS _row FROM {table} WITH NO DATA;

-- name: drop_stage
DROP TABLE {stage};

-- name: insert_selected
-- The rows of a query, without a trip to the client.
INSERT INTO {table} ({names}) SELECT {names} FROM ({selected}) AS r CROSS JOIN {here} {conflict};

-- name: insert_selected_objects
-- The same, with the objects that the rows name.
INSERT INTO {table} ({names}) SELECT {names} FROM ({selected}) AS r CROSS JOIN {here} {conflict} RETURNING {ids};

-- name: rows_known
-- PostgreSQL's estimate of a table's number of rows; -1 if it was never analyzed.
SELECT reltuples::bigint FROM pg_class WHERE oid = $1::regclass;

-- name: analyze
-- Without statistics, queries and checks of foreign keys are planned as if the table were empty. A tenth of the usual
-- sample is enough until PostgreSQL's own daemon runs. A session that is already analyzing the table does the work for
-- us; to wait for it in a transaction could end in a deadlock.
SET LOCAL default_statistics_target = 10; ANALYZE (SKIP_LOCKED) {table};

-- name: update
UPDATE {table} SET {changes} FROM {here} WHERE {same};

-- name: checked_attribute
-- The attribute whose type a CHECK constraint enforces; PostgreSQL chose the constraint's name.
SELECT a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.conrelid = to_regclass($1) AND c.conname = $2;

-- name: first_duplicate
-- The first row whose values under some names are in the table or in an earlier row.
SELECT r._row
FROM (
    SELECT r.*, row_number() OVER (PARTITION BY {partition} ORDER BY r._row) AS turn FROM {rows}
) AS r
WHERE {filled} AND (r.turn > 1 OR EXISTS (SELECT FROM {table} AS t WHERE {same}))
ORDER BY r._row LIMIT 1;

-- name: first_orphan
-- The first row without a parent.
SELECT r._row FROM {rows}
WHERE {filled} AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {same})
ORDER BY r._row LIMIT 1;

-- name: first_unreachable
-- The first row whose parent is not there, or is out of the caller's reach.
SELECT r._row, concat_ws(', ', {shown}) AS key FROM (SELECT r._row, {given} FROM {rows}) AS r
WHERE {filled} AND NOT ({reachable}) AND NOT ({stays}) ORDER BY r._row LIMIT 1;

-- name: entity
-- A part of it: an entity that is updated.
(SELECT e.*, 0 AS _row FROM {table} AS e WHERE {same}) AS r

-- name: first_foreign
-- The first row whose owning row does not belong to some teams.
SELECT r._row, t.{owner}::text AS owner FROM {rows} {join} {owning} AS t ON {same}
WHERE (t.{owner} = ANY(${place}::text[])) IS NOT TRUE ORDER BY r._row LIMIT 1;

-- name: others
-- The rows whose owning row does not belong to some teams, by team.
SELECT t.{owner}::text AS owner, count(*) AS count FROM {table} AS r JOIN {owning} AS t ON {same}
WHERE (t.{owner} = ANY($1::text[])) IS NOT TRUE GROUP BY 1 ORDER BY 1;

-- name: rows_of
-- A part of these: the rows of a query.
(SELECT q.*, 0 AS _row FROM ({selected}) AS q) AS r

-- name: first_not_of
-- A row that names none of some teams.
SELECT r.{owner}::text AS owner FROM {rows} WHERE (r.{owner} = ANY(${place}::text[])) IS NOT TRUE LIMIT 1;

-- name: lock_against_inserts
-- Until the end of the transaction; reads go on.
LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE;

-- name: lock_wholly
-- Until the end of the transaction, which changes the table later: a lock that lets others read would have to become
-- this one, which would end in a deadlock with whoever has read the table and then changes it.
LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;

-- name: names_object
SELECT EXISTS (SELECT FROM ({selected}) AS q WHERE {named});
