-- name: create_doomed
-- The keys that go from one table, collected once.
CREATE TEMPORARY TABLE {doomed} ({columns}, UNIQUE ({names})) ON COMMIT DROP;

-- name: add_selected
INSERT INTO {doomed} SELECT {key} FROM ({selected}) AS t ON CONFLICT DO NOTHING;

-- name: add_children
-- Children of what goes; paths that converge count once.
INSERT INTO {doomed} SELECT {key} FROM {table} AS t
WHERE EXISTS (SELECT FROM {parent_doomed} AS p WHERE {same}) ON CONFLICT DO NOTHING;

-- name: first_stray_part
-- A part that goes although its master stays.
SELECT {key} FROM {doomed} AS t WHERE NOT EXISTS (SELECT FROM {master_doomed} AS p WHERE {same}) LIMIT 1;

-- name: add_masters
-- Masters of the parts that go.
INSERT INTO {master_doomed} SELECT {key} FROM {master} AS t
WHERE EXISTS (SELECT FROM {doomed} AS p WHERE {same}) ON CONFLICT DO NOTHING;

-- name: digest
SELECT count(*) AS row_count, md5(coalesce(string_agg(md5(d::text), '' ORDER BY md5(d::text)), '')) AS digest
FROM {doomed} AS d;

-- name: drop_doomed
-- Within a transaction of a client the next delete comes before the commit that would drop them.
DROP TABLE {doomed};

-- name: delete_doomed
DELETE FROM {table} AS t USING {doomed} AS p WHERE {same};

-- name: reset_jobs
-- Results that go on their own are computed again.
UPDATE {jobs} AS t
SET {pend}
FROM {doomed} AS p WHERE t._state = 'success' AND {same};

-- name: delete_jobs
-- Jobs whose parents go have nothing left to compute.
DELETE FROM {jobs} AS t USING {parent_doomed} AS p WHERE t._state <> 'reserved' AND {same};
