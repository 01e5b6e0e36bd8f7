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
FROM {doomed} AS p WHERE t._state = 'success' AND {same} AND NOT ({left}) AND NOT ({orphaned});

-- name: reset_jobs_without_results
-- The same where what goes does not tell by its primary key whose it was.
UPDATE {jobs} AS t
SET {pend}
WHERE t._state = 'success' AND EXISTS (SELECT FROM {doomed}) AND NOT ({left}) AND NOT ({orphaned});

-- name: result_left
-- A condition on a job: a row of its result stays. The rows that go may still be seen, or not any more.
EXISTS (SELECT FROM {table} AS r WHERE {left} AND NOT EXISTS (SELECT FROM {doomed} AS d WHERE {gone}))

-- name: orphaned
-- A condition on a job: a parent of it goes.
EXISTS (SELECT FROM {parent_doomed} AS q WHERE {same})

-- name: delete_jobs
-- Jobs whose parents go have nothing left to compute.
DELETE FROM {jobs} AS t WHERE t._state <> 'reserved' AND {orphaned};

-- name: collected
-- This and the next four are parts of the statement that does all at once. No part sees what another one changes.
{doomed} AS MATERIALIZED ({rows})

-- name: changed
{name} AS ({change})

-- name: counted
SELECT 'count' AS kind, {position} AS position, count(*)::text AS content FROM {doomed}

-- name: strayed
SELECT 'stray', {position}, to_jsonb(s)::text FROM ({stray}) AS s

-- name: identified
SELECT 'digest', d.position, d.digest FROM ({digest}) AS d
