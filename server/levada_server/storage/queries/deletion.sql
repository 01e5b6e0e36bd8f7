-- name: create_doomed
-- The keys that go from one table, collected once.
CREATE TEMPORARY TABLE {doomed} ({columns}, UNIQUE ({names})) ON COMMIT DROP;

-- name: add
-- Paths that converge count once.
INSERT INTO {doomed} {rows} ON CONFLICT DO NOTHING;

-- name: selected
-- Those that were asked for.
SELECT {key} FROM ({selected}) AS t

-- name: children
-- Children of what goes, by one foreign key.
SELECT {key} FROM {table} AS t WHERE EXISTS (SELECT FROM {parent_doomed} AS p WHERE {same})

-- name: masters
-- Masters of the parts that go.
SELECT {key} FROM {master} AS t WHERE EXISTS (SELECT FROM {doomed} AS p WHERE {same})

-- name: master_stays
-- A condition on a part.
NOT EXISTS (SELECT FROM {master_doomed} AS p WHERE {same})

-- name: first_stray_part
-- A part that goes although its master stays.
SELECT {key} FROM {doomed} AS t WHERE {stays} LIMIT 1;

-- name: digest
-- Of all keys, whatever their order: their number, and sums over two hashes of each.
SELECT {position} AS position,
    count(*) || ' ' || sum(hashtextextended(d::text, 0)::numeric) || ' ' || sum(hashtextextended(d::text, 1)::numeric) AS digest
FROM {doomed} AS d

-- name: drop_doomed
-- Within a transaction of a client the next delete comes before the commit that would drop them.
DROP TABLE {doomed};

-- name: delete_doomed
DELETE FROM {table} AS t USING {doomed} AS p WHERE {same};

-- name: reset_jobs
-- Results that go on their own are computed again, when nothing of them is left.
UPDATE {jobs} AS t
SET {pend}
FROM {doomed} AS p WHERE t._state = 'success' AND {same} AND NOT EXISTS (SELECT FROM {table} AS r WHERE {left});

-- name: reset_jobs_without_results
-- The same where what goes does not tell by its primary key whose it was.
UPDATE {jobs} AS t
SET {pend}
WHERE t._state = 'success' AND NOT EXISTS (SELECT FROM {table} AS r WHERE {left});

-- name: delete_jobs
-- Jobs whose parents go have nothing left to compute.
DELETE FROM {jobs} AS t USING {parent_doomed} AS p WHERE t._state <> 'reserved' AND {same};
