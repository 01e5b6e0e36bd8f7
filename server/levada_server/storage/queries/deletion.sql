-- name: create_doomed
-- The keys to delete from one table, collected once.
CREATE TEMPORARY TABLE {doomed} ({columns}, UNIQUE ({names})) ON COMMIT DROP;

-- name: add
-- A key that several paths reach counts once.
INSERT INTO {doomed} {rows} ON CONFLICT DO NOTHING;

-- name: selected
-- The chosen rows.
SELECT {key} FROM ({selected}) AS t

-- name: children
-- Children of the rows to delete, by one foreign key.
SELECT {key} FROM {table} AS t WHERE EXISTS (SELECT FROM {parent_doomed} AS p WHERE {same})

-- name: masters
-- Masters of the parts to delete.
SELECT {key} FROM {master} AS t WHERE EXISTS (SELECT FROM {doomed} AS p WHERE {same})

-- name: master_stays
-- A condition on a part: its master stays.
NOT EXISTS (SELECT FROM {master_doomed} AS p WHERE {same})

-- name: first_stray_part
-- A part to delete whose master stays.
SELECT {key} FROM {doomed} AS t WHERE {stays} LIMIT 1;

-- name: others
-- The guarded rows to delete, by team.
SELECT t.{owner}::text AS owner, count(*) AS count FROM {doomed} AS d JOIN {owning} AS t ON {same}
WHERE (t.{owner} = ANY(${place}::text[])) IS NOT TRUE GROUP BY 1

-- name: digest
-- A digest of all keys in any order: their number, and sums over two hashes of each.
SELECT {position} AS position,
    count(*) || ' ' || sum(hashtextextended(d::text, 0)::numeric) || ' ' || sum(hashtextextended(d::text, 1)::numeric) AS digest
FROM {doomed} AS d

-- name: drop_doomed
-- Within a client's transaction the next delete comes before the commit that would drop them.
DROP TABLE {doomed};

-- name: delete_doomed
DELETE FROM {table} AS t USING {doomed} AS p WHERE {same};

-- name: reset_jobs
-- Results that are deleted without their parents are computed again, once nothing of them is left.
UPDATE {jobs} AS t
SET {pend}
FROM {doomed} AS p WHERE t._state = 'success' AND {same} AND NOT ({left}) AND NOT ({orphaned});

-- name: reset_jobs_without_results
-- The same, if the primary key of a deleted row does not show its job.
UPDATE {jobs} AS t
SET {pend}
WHERE t._state = 'success' AND EXISTS (SELECT FROM {doomed}) AND NOT ({left}) AND NOT ({orphaned});

-- name: result_left
-- A condition on a job: a row of its result stays. The statement may or may not still see the deleted rows.
EXISTS (SELECT FROM {table} AS r WHERE {left} AND NOT EXISTS (SELECT FROM {doomed} AS d WHERE {gone}))

-- name: orphaned
-- A condition on a job: one of its parents is deleted.
EXISTS (SELECT FROM {parent_doomed} AS q WHERE {same})

-- name: delete_jobs
-- Jobs whose parents are deleted have nothing left to compute.
DELETE FROM {jobs} AS t WHERE {free} AND {orphaned};

-- name: collected
-- This and the next five are parts of the statement that does everything at once. No part sees changes of another.
{doomed} AS MATERIALIZED ({rows})

-- name: changed
{name} AS ({change})

-- name: counted
SELECT 'count' AS kind, {position} AS position, count(*)::text AS content FROM {doomed}

-- name: strayed
SELECT 'stray', {position}, to_jsonb(s)::text FROM ({stray}) AS s

-- name: guarded
SELECT 'others', {position}, jsonb_agg(o)::text FROM ({others}) AS o HAVING count(*) > 0

-- name: identified
SELECT 'digest', d.position, d.digest FROM ({digest}) AS d
