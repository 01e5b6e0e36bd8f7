-- name: add_shapes
-- In a fixed order, so that two sessions that add some of the same do not deadlock. Those that are there are not locked.
INSERT INTO levada.read_shape (key, content)
SELECT s.key, s.content::jsonb FROM unnest($1::text[], $2::text[]) AS s(key, content)
WHERE NOT EXISTS (SELECT FROM levada.read_shape AS r WHERE r.key = s.key AND r.content ->> 0 IS DISTINCT FROM '')
ORDER BY s.key
ON CONFLICT (key) DO UPDATE SET content = EXCLUDED.content WHERE levada.read_shape.content ->> 0 = '';

-- name: read_shapes
SELECT key, content::text FROM levada.read_shape WHERE key = ANY($1::text[]);

-- name: shapes_that_read
-- The next shapes that read one of the tables $2.
SELECT s.key, s.content::text FROM levada.read_shape AS s
WHERE s.key > $1 AND EXISTS (
    SELECT FROM jsonb_array_elements(s.content -> 3) AS t WHERE (t ->> 1)::bigint = ANY($2::bigint[])
) ORDER BY s.key LIMIT $3;

-- name: empty_shapes
-- Jobs that were completed meanwhile may name them, so the rows stay.
UPDATE levada.read_shape SET content = jsonb_set(content, '{0}', '""') WHERE key = ANY($1::text[]);

-- name: jobs_that_read
-- The next jobs that read one of the tables $2.
SELECT j._job_id, j._inputs::text AS inputs FROM {jobs} AS j
WHERE j._job_id > $1 AND j._inputs IS NOT NULL AND j._input_tables && $2::bigint[] ORDER BY j._job_id LIMIT $3;

-- name: forget_inputs
UPDATE {jobs} AS j SET _inputs = NULL,
    _changed = ARRAY(SELECT unnest(j._input_tables) INTERSECT SELECT unnest($2::bigint[]) ORDER BY 1)
WHERE j._job_id = ANY($1::bigint[]);

-- name: merge_changes
-- Of the transactions that are over for everybody, only the last one of each table counts. Rows that others hold are
-- left to them.
WITH over AS (
    SELECT c.table_id, c.xid FROM levada.table_change AS c
    WHERE c.xid < pg_snapshot_xmin(pg_current_snapshot()) FOR UPDATE SKIP LOCKED
)
DELETE FROM levada.table_change AS c USING over AS o
WHERE c.table_id = o.table_id AND c.xid = o.xid
  AND EXISTS (SELECT FROM over AS later WHERE later.table_id = o.table_id AND later.xid > o.xid);

-- name: take_turn
-- Whoever reads earlier also records earlier, so no older verdict is put over a newer one.
SELECT pg_advisory_xact_lock($1, $2);

-- name: horizon
-- All transactions before this one are over, and whoever looks from now on sees what they did. From now on, nothing in
-- this transaction waits long for a lock, its commit does not wait for the disk (a verdict that a crash loses is found
-- again), and no workers are started for statements of a few milliseconds.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text, set_config('lock_timeout', $1, true),
       set_config('synchronous_commit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true);

-- name: jobs_to_compare
-- Results of which an input may have changed since it was last looked at.
WITH latest AS (
    SELECT DISTINCT ON (table_id) table_id, xid FROM levada.table_change ORDER BY table_id, xid DESC
)
SELECT j._job_id, j._lease_token, j._inputs::text AS inputs FROM {jobs} AS j
WHERE j._job_id > $1 AND j._state = 'success' AND j._inputs IS NOT NULL
  AND EXISTS (SELECT FROM latest AS l WHERE l.table_id = ANY(j._input_tables) AND l.xid >= j._horizon)
ORDER BY j._job_id LIMIT $2;

-- name: record_comparison
-- A job that was computed again meanwhile has another token, and other inputs. A job that an open transaction has
-- changed is skipped: nobody knows how long that transaction stays open, and it may be the caller's own.
WITH free AS (
    SELECT j._job_id, d.changed FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS d(job_id, token, changed)
    JOIN {jobs} AS j ON j._job_id = d.job_id AND j._lease_token = d.token AND j._state = 'success'
    FOR NO KEY UPDATE OF j SKIP LOCKED
)
UPDATE {jobs} AS j SET _changed = nullif(f.changed::bigint[], '{}'), _horizon = $4::text::xid8
FROM free AS f WHERE j._job_id = f._job_id;

-- name: results_to_lease
SELECT {key_and_comma} j._job_id, j._attempt, j._lease_token FROM {jobs} AS j
WHERE j._job_id > $1 AND j._state = 'success' AND {restriction} ORDER BY j._job_id LIMIT $2;

-- name: places_of_rows
-- Rows that are updated later move, so one that is still here then was left alone.
SELECT t.ctid::text AS place FROM {target} AS t JOIN {jobs} AS j ON {same_key}
WHERE j._job_id = ANY($1::bigint[]) FOR UPDATE OF t;

-- name: delete_rows
DELETE FROM {target} WHERE ctid = ANY($1::text[]::tid[]);

-- name: renew_results
-- What these were computed from may have changed while they waited to be confirmed: it is looked at once more.
UPDATE {jobs} AS j SET {succeed}, _lease_token = d.token, _horizon = '0', _reserved_time = NULL, _session_id = NULL,
    _environment_id = s.environment_id, _host = s.host, _pid = s.pid, _username = s.username
FROM unnest($1::bigint[], $2::uuid[], $3::double precision[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::uuid[])
    AS d(job_id, token, duration, code_version, code_commit, reads, writes, inputs, input_tables, output, session_id)
LEFT JOIN levada.worker_session AS s ON s.id = d.session_id
WHERE j._job_id = d.job_id;
