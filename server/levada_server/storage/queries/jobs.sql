-- name: create_session
INSERT INTO levada.worker_session (host, pid, username, code_version, lease_duration, expire_time)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $5)
RETURNING id;

-- name: renew_sessions
-- A session that was silent for too long lives on if nobody ended it: its jobs that were not taken over are its own.
UPDATE levada.worker_session SET expire_time = clock_timestamp() + lease_duration
WHERE id = ANY($1::uuid[])
RETURNING id, expire_time;

-- name: delete_session
DELETE FROM levada.worker_session WHERE id = $1 RETURNING id;

-- name: prune_sessions
-- Sessions that have been dead for a day; their jobs have long been taken over, or can be.
DELETE FROM levada.worker_session WHERE expire_time < clock_timestamp() - interval '1 day';

-- name: session_holder
-- The lock keeps the session from being ended while it takes jobs.
SELECT host, pid, username FROM levada.worker_session WHERE id = $1 FOR KEY SHARE;

-- name: any_due
-- Whether a worker could reserve something: the conditions of `reserve`, without its locks.
SELECT EXISTS (
    SELECT FROM {jobs} AS j WHERE j._state = 'pending' AND j._scheduled_time <= clock_timestamp() AT TIME ZONE 'UTC'
) OR EXISTS (
    SELECT FROM {jobs} AS j
    WHERE j._state = 'reserved' AND NOT EXISTS (SELECT FROM levada.worker_session AS s
                                                WHERE s.id = j._session_id AND s.expire_time > clock_timestamp())
);

-- name: lock_refresh
-- One refresh of a table at a time.
SELECT pg_advisory_xact_lock($1, $2);

-- name: add_jobs
-- Keys of the key source that the table has not and that have no job yet.
INSERT INTO {jobs} ({key}, _priority, _scheduled_time)
SELECT {key}, $1::integer, (clock_timestamp() AT TIME ZONE 'UTC') + $2::interval FROM ({missing}) AS missing
ON CONFLICT DO NOTHING;

-- name: add_single_job
-- The same for a table without a key: at most one job.
INSERT INTO {jobs} (_priority, _scheduled_time)
SELECT $1::integer, (clock_timestamp() AT TIME ZONE 'UTC') + $2::interval FROM ({missing}) AS missing LIMIT 1
ON CONFLICT DO NOTHING;

-- Each of the next three is two statements. The first locks the jobs that look wrong and that no worker is at; a worker
-- that commits one of them waits, or was before us. The second looks again, and sees what was committed until then: in
-- one statement it would still see what was there when it began, and make committed work pending again.

-- name: lock_deleted
-- Finished jobs whose result is gone.
SELECT j._job_id FROM {jobs} AS j
WHERE j._state = 'success' AND NOT EXISTS (SELECT FROM {table} AS t WHERE {same}) FOR UPDATE SKIP LOCKED;

-- name: reset_deleted
UPDATE {jobs} AS j
SET _state = 'pending', _lease_token = NULL, _session_id = NULL, _finished_time = NULL, _attempt = 0, _scheduled_time = clock_timestamp() AT TIME ZONE 'UTC'
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

-- name: retry_failed
-- Failed jobs, all of them or those of some keys.
UPDATE {jobs} AS j
SET _state = 'pending', _lease_token = NULL, _session_id = NULL, _finished_time = NULL, _attempt = 0, _scheduled_time = clock_timestamp() AT TIME ZONE 'UTC'
WHERE j._state = 'error' AND EXISTS (SELECT FROM ({source}) AS t WHERE {same});

-- name: reserve
-- The most urgent jobs that wait and are due, and jobs of sessions that are dead. SKIP LOCKED lets workers reserve side
-- by side; the new token ends the right of a job's former holder. Two branches, each with its own index.
WITH due AS (
    SELECT j._job_id, j._priority, j._scheduled_time FROM {jobs} AS j
    WHERE j._state = 'pending' AND j._scheduled_time <= clock_timestamp() AT TIME ZONE 'UTC' AND {restriction}
    ORDER BY j._priority, j._scheduled_time, j._job_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
lost AS (
    SELECT j._job_id, j._priority, j._scheduled_time FROM {jobs} AS j
    WHERE j._state = 'reserved' AND {restriction}
      AND NOT EXISTS (SELECT FROM levada.worker_session AS s
                      WHERE s.id = j._session_id AND s.expire_time > clock_timestamp())
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
chosen AS (
    SELECT * FROM due UNION ALL SELECT * FROM lost
    ORDER BY _priority, _scheduled_time, _job_id LIMIT $1
),
reserved AS (
    UPDATE {jobs} AS j
    SET _state = 'reserved', _attempt = j._attempt + 1, _lease_token = gen_random_uuid(), _session_id = $2, _reserved_time = clock_timestamp() AT TIME ZONE 'UTC',
        _host = $3, _pid = $4, _username = $5, _error_type = NULL, _error_message = NULL, _error_stack = NULL
    FROM chosen WHERE chosen._job_id = j._job_id
    RETURNING j.*
)
SELECT {key_and_comma} _job_id, _lease_token, _attempt FROM reserved ORDER BY _priority, _scheduled_time, _job_id;

-- name: lock_job
SELECT {key_and_comma} _state, _lease_token FROM {jobs} WHERE _job_id = $1 FOR UPDATE;

-- name: key_present
SELECT EXISTS (SELECT FROM {table} AS t, {jobs} AS j WHERE j._job_id = $1 AND {same});

-- name: finish_job
UPDATE {jobs}
SET _state = 'success', _finished_time = clock_timestamp() AT TIME ZONE 'UTC', _duration = $2, _code_version = $3
WHERE _job_id = $1;

-- name: fail_job
UPDATE {jobs}
SET _state = 'error', _finished_time = clock_timestamp() AT TIME ZONE 'UTC', _duration = $2, _code_version = $3,
    _error_type = $4, _error_message = $5, _error_stack = $6
WHERE _job_id = $1;

-- name: release_job
UPDATE {jobs}
SET _state = 'pending', _lease_token = NULL, _session_id = NULL, _attempt = _attempt - 1
WHERE _job_id = $1 AND _state = 'reserved' AND _lease_token = $2;

-- name: count_states
SELECT _state, count(*) FROM {jobs} GROUP BY _state;
