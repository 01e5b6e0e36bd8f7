-- name: lock_refresh
-- One refresh of a table at a time.
SELECT pg_advisory_xact_lock($1, $2);

-- name: horizon
-- All transactions before this one are over, and what follows in this transaction sees what they did.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text;

-- name: changed_since
-- Whether a transaction that was not over at a horizon has changed one of some tables.
SELECT EXISTS (SELECT FROM levada.table_change WHERE table_id = ANY($1::bigint[]) AND xid >= $2::text::xid8);

-- name: add_jobs
-- Keys of the key source that are not in the table and have no job yet.
INSERT INTO {jobs} ({key}, _priority, _scheduled_time)
SELECT {key}, $1::integer, ({now}) + $2::interval FROM ({missing}) AS missing
ON CONFLICT DO NOTHING;

-- name: add_single_job
-- The same for a table without a key: at most one job.
INSERT INTO {jobs} (_priority, _scheduled_time)
SELECT $1::integer, ({now}) + $2::interval FROM ({missing}) AS missing LIMIT 1
ON CONFLICT DO NOTHING;

-- Each of the next three is two statements. The first locks jobs that look wrong and that no worker holds; a worker
-- that commits one of them waits, or has already committed. The second checks again, and sees everything committed
-- until then. A single statement would still see the state at its beginning, and would set committed work to pending.

-- name: lock_deleted
-- Finished jobs whose result is gone.
SELECT j._job_id FROM {jobs} AS j
WHERE j._state = 'success' AND NOT EXISTS (SELECT FROM {table} AS t WHERE {same}) FOR UPDATE SKIP LOCKED;

-- name: reset_deleted
UPDATE {jobs} AS j SET {pend}
WHERE j._job_id = ANY($1::bigint[]) AND j._state = 'success' AND NOT EXISTS (SELECT FROM {table} AS t WHERE {same});

-- name: lock_present
-- Waiting jobs whose result was inserted by other means.
SELECT j._job_id FROM {jobs} AS j
WHERE j._state = 'pending' AND EXISTS (SELECT FROM {table} AS t WHERE {same}) FOR UPDATE SKIP LOCKED;

-- name: remove_present
DELETE FROM {jobs} AS j
WHERE j._job_id = ANY($1::bigint[]) AND j._state = 'pending' AND EXISTS (SELECT FROM {table} AS t WHERE {same});

-- name: lock_sourceless
-- Jobs whose key left the key source.
SELECT j._job_id FROM {jobs} AS j
WHERE j._state IN ('pending', 'error', 'ignored') AND NOT EXISTS (SELECT FROM ({source}) AS t WHERE {same})
FOR UPDATE SKIP LOCKED;

-- name: remove_sourceless
DELETE FROM {jobs} AS j
WHERE j._job_id = ANY($1::bigint[]) AND j._state IN ('pending', 'error', 'ignored')
  AND NOT EXISTS (SELECT FROM ({source}) AS t WHERE {same});
