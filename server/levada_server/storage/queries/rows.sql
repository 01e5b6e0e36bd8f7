-- name: insert
-- All rows at once; a value that is missing takes the attribute's default.
INSERT INTO {table} ({names}) SELECT {values} FROM {rows} {conflict};

-- name: replace
-- Of rows with one key the last stands: one statement may not update a row twice.
INSERT INTO {table} ({names})
SELECT DISTINCT ON ({key}) {values} FROM {rows} ORDER BY {key}, r.ordinality DESC
{conflict};

-- name: insert_selected
-- The rows of a query, without a trip to the client.
INSERT INTO {table} ({names}) SELECT {names} FROM ({selected}) AS r {conflict};

-- name: update
UPDATE {table} SET {changes} WHERE {same};

-- name: first_duplicate
-- The first row whose values under some names are in the table or in an earlier row.
SELECT r.ordinality
FROM (
    SELECT r.*, row_number() OVER (PARTITION BY {partition} ORDER BY r.ordinality) AS turn FROM {rows}
) AS r
WHERE {filled} AND (r.turn > 1 OR EXISTS (SELECT FROM {table} AS t WHERE {same}))
ORDER BY r.ordinality LIMIT 1;

-- name: first_orphan
-- The first row without a parent.
SELECT r.ordinality FROM {rows}
WHERE {filled} AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {same})
ORDER BY r.ordinality LIMIT 1;
