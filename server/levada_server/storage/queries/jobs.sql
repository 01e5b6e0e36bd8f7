-- name: read_signing_key
SELECT secret FROM levada.signing_key;

-- name: create_session
INSERT INTO levada.worker_session
    (host, pid, username, code_version, lease_duration, expire_time, user_id, token_id, environment_id)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $5, $6, $7, $8)
RETURNING id;

-- name: add_environment
INSERT INTO levada.environment (digest, content) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING;

-- name: find_environment
SELECT id FROM levada.environment WHERE digest = $1;

-- name: renew_sessions
-- A session that was silent too long is renewed if nobody ended it, and keeps the jobs that were not taken over.
UPDATE levada.worker_session AS s
SET expire_time = clock_timestamp() + s.lease_duration, memory_bytes = coalesce(m.memory_bytes, s.memory_bytes)
FROM unnest($1::uuid[], $4::bigint[]) AS m(id, memory_bytes)
WHERE s.id = m.id AND (s.user_id, s.token_id) IS NOT DISTINCT FROM ($2::bigint, $3::uuid)
RETURNING s.id, s.expire_time;

-- name: delete_session
DELETE FROM levada.worker_session
WHERE id = $1 AND (user_id, token_id) IS NOT DISTINCT FROM ($2::bigint, $3::uuid) RETURNING id;

-- name: prune_sessions
-- Sessions that have been dead for a day; their jobs have been taken over long ago, or can be.
DELETE FROM levada.worker_session WHERE expire_time < clock_timestamp() - interval '1 day';

-- name: count_sessions
SELECT count(*) FILTER (WHERE expire_time > clock_timestamp()) AS alive,
    count(*) FILTER (WHERE expire_time BETWEEN clock_timestamp() - interval '1 day' AND clock_timestamp()) AS lost
FROM levada.worker_session;

-- name: session_exists
SELECT true FROM levada.worker_session
WHERE id = $1 AND (user_id, token_id) IS NOT DISTINCT FROM ($2::bigint, $3::uuid);

-- name: cancelled_leases
SELECT lease_token FROM levada.cancelled_lease WHERE session_id = ANY($1::uuid[]);

-- name: all_cancelled_leases
SELECT lease_token FROM levada.cancelled_lease;

-- name: forget_cancelled_leases
DELETE FROM levada.cancelled_lease WHERE lease_token = ANY($1::text[]);

-- name: add_cancelled_leases
-- Only of existing sessions; nobody else needs to know.
INSERT INTO levada.cancelled_lease (session_id, lease_token)
SELECT c.session_id, c.lease_token FROM unnest($1::uuid[], $2::text[]) AS c(session_id, lease_token)
WHERE EXISTS (SELECT FROM levada.worker_session AS s WHERE s.id = c.session_id)
ON CONFLICT DO NOTHING;

-- name: now
-- A part of other statements: the clock of the database, in the form in which job tables keep times.
clock_timestamp() AT TIME ZONE 'UTC'

-- name: began
-- A part of other statements: when the transaction began, in the same form.
now() AT TIME ZONE 'UTC'

-- name: pend
-- A part of other statements: the state of a job that waits for its first attempt.
_state = 'pending', _lease_token = NULL, _failed_token = NULL, _session_id = NULL, _finished_time = NULL, _attempt = 0,
    _shared = false, _scheduled_time = {now}, _reads = NULL, _writes = NULL, _unready = 0

-- name: dead_sessions
-- A part of other statements: dead sessions that hold jobs. It reads the index only between the living sessions,
-- because a living one may have left many entries there that cannot be removed yet.
WITH living AS (
    SELECT id FROM levada.worker_session WHERE expire_time > clock_timestamp()
),
gap AS (
    SELECT coalesce(lag(id) OVER (ORDER BY id), '00000000-0000-0000-0000-000000000000') AS low,
           coalesce(id, 'ffffffff-ffff-ffff-ffff-ffffffffffff') AS high
    FROM (SELECT id FROM living UNION ALL SELECT NULL) AS bound
)
SELECT DISTINCT h._session_id FROM gap CROSS JOIN LATERAL (
    SELECT i._session_id FROM {jobs} AS i
    WHERE i._state = 'reserved' AND i._session_id > gap.low AND i._session_id < gap.high
    LIMIT 1000  -- more than a look needs; it keeps the planner from reading the whole index
) AS h

-- name: any_due
-- Whether a worker could reserve a job: the conditions of `reserve`, without its locks.
SELECT EXISTS (SELECT FROM {jobs} AS j WHERE j._state = 'pending' AND j._scheduled_time <= {now})
    OR EXISTS ({dead_sessions});

-- name: most_urgent
-- One table's part of a look at several: the priority of its most urgent job, NULL if there is none to take. It
-- searches like `reserve`, from $3, $4 and $5 on, and for lost jobs if $6 is true.
SELECT {number} AS number, least(
    (SELECT j._priority FROM {jobs} AS j WHERE j._state = 'pending' AND j._scheduled_time <= {now}
         AND (j._priority, j._scheduled_time, j._job_id)
             >= (($3::integer[])[{number}], ($4::timestamp[])[{number}], ($5::bigint[])[{number}])
     ORDER BY j._priority, j._scheduled_time, j._job_id LIMIT 1),
    (SELECT min(j._priority) FROM {jobs} AS j
     WHERE ($6::boolean[])[{number}] AND j._state = 'reserved' AND j._session_id = ANY(ARRAY({dead_sessions}))),
    (SELECT min(j._priority) FROM {jobs} AS j
     WHERE $2::uuid[] IS NOT NULL AND j._state = 'reserved' AND j._session_id = $1
         AND j._lease_token <> ALL($2::uuid[]))
) AS priority

-- name: reserve
-- The most urgent jobs, at most $1 and none less urgent than $5: waiting jobs that are due; jobs of dead sessions; and
-- jobs that this session holds without knowing it ($3), because an answer was lost. SKIP LOCKED lets workers reserve
-- side by side; the new token ends the right of a job's former holder. Each branch has its own index.
--
-- The search for waiting jobs begins at a place in the order of urgency ($6, $7, $8), and lost jobs are searched only
-- on request ($9): while another reader's snapshot is open, PostgreSQL must pass the index entries of all jobs taken
-- since, each time. Jobs whose `make` inserted nothing are skipped on request ($10).
--
-- If jobs were reserved together, it is unknown which one the lost worker had begun: no attempt of theirs is counted,
-- and each is leased alone the next time. A job whose workers were lost $4 times is given up.
WITH holder AS (
    -- The lock prevents the end of the session while it takes jobs. The leases of a batch need not survive a crash of
    -- PostgreSQL, for which a commit would wait long: its jobs are short, and are computed again.
    SELECT id, host, pid, username, environment_id, CASE WHEN $1 > 1 THEN set_config('synchronous_commit', 'off', true) END
    FROM levada.worker_session
    WHERE id = $2 AND (user_id, token_id) IS NOT DISTINCT FROM ($11::bigint, $12::uuid) FOR KEY SHARE
),
due AS (
    SELECT j._job_id, j._priority, j._scheduled_time, true AS counted, false AS suspect, true AS waited
    FROM {jobs} AS j
    WHERE j._state = 'pending' AND j._scheduled_time <= {now} AND j._priority <= $5
      AND (j._priority, j._scheduled_time, j._job_id) >= ($6::integer, $7::timestamp, $8::bigint)
      AND (j._unready = 0 OR NOT $10) AND {restriction}
    ORDER BY j._priority, j._scheduled_time, j._job_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
lost AS (
    SELECT j._job_id, j._priority, j._scheduled_time, j._attempt, j._shared FROM {jobs} AS j
    WHERE $9 AND j._state = 'reserved' AND j._session_id = ANY(ARRAY({dead_sessions})) AND j._priority <= $5
      AND {restriction}
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
given_up AS (
    UPDATE {jobs} AS j
    SET _state = 'error', _finished_time = {now}, _error_type = 'WorkerLost', _error_stack = '',
        _error_message = format('The worker was lost each of the %s times that it computed this job, at last process %s '
                                'on %s. Did it run out of memory, or was it stopped?', j._attempt, j._pid, j._host)
    FROM lost WHERE lost._job_id = j._job_id AND NOT lost._shared AND lost._attempt >= $4
),
unknown AS (
    SELECT j._job_id, j._priority, j._scheduled_time FROM {jobs} AS j
    WHERE $3::uuid[] IS NOT NULL AND j._state = 'reserved' AND j._session_id = $2
      AND j._lease_token <> ALL($3::uuid[]) AND j._priority <= $5 AND {restriction}
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
candidate AS (
    SELECT c.*, first_value(c.suspect) OVER urgency AS alone, row_number() OVER urgency AS rank
    FROM (
        SELECT * FROM due
        UNION ALL
        SELECT _job_id, _priority, _scheduled_time, NOT _shared, _shared, false FROM lost
        WHERE _shared OR _attempt < $4
        UNION ALL
        SELECT _job_id, _priority, _scheduled_time, false, false, false FROM unknown
    ) AS c
    WINDOW urgency AS (ORDER BY c._priority, c._scheduled_time, c._job_id)
),
chosen AS (
    SELECT * FROM candidate WHERE CASE WHEN alone THEN rank = 1 ELSE NOT suspect END
    ORDER BY _priority, _scheduled_time, _job_id LIMIT $1
),
reserved AS (
    UPDATE {jobs} AS j
    SET _state = 'reserved', _attempt = j._attempt + chosen.counted::integer, _lease_token = gen_random_uuid(),
        _failed_token = NULL, _session_id = holder.id, _reserved_time = {now}, _shared = (SELECT count(*) > 1 FROM chosen),
        _host = holder.host, _pid = holder.pid, _username = holder.username, _environment_id = holder.environment_id,
        _horizon = pg_snapshot_xmin(pg_current_snapshot()),
        _error_type = NULL, _error_message = NULL, _error_stack = NULL, _output = NULL
    FROM chosen, holder WHERE chosen._job_id = j._job_id
    RETURNING j.*, chosen.waited
)
SELECT {key_and_comma} _job_id, _lease_token, _attempt, _priority, _scheduled_time, waited
FROM reserved ORDER BY _priority, _scheduled_time, _job_id;

-- name: mark_started
-- Jobs whose worker was lost while it computed them: the attempt counts, even if other jobs were reserved with them.
UPDATE {jobs} AS j SET _shared = false
FROM unnest($1::bigint[], $2::uuid[]) AS d(job_id, token)
WHERE j._job_id = d.job_id AND j._state = 'reserved' AND j._lease_token = d.token;

-- name: lock_jobs
-- In a fixed order, so that two sessions that lock some of the same jobs do not deadlock.
SELECT {key_and_comma} _job_id, _state, _attempt, _lease_token, _failed_token, _error_type, _unready FROM {jobs}
WHERE _job_id = ANY($1::bigint[]) ORDER BY _job_id FOR UPDATE;

-- name: still_held
-- A part of other statements: a job with its token still belongs to its holder; if it was given up, nobody took it
-- over. As a CASE it is no reason to search the indexes of states, where entries of many former holders may still be.
CASE j._state WHEN 'reserved' THEN true WHEN 'error' THEN j._error_type = 'WorkerLost' ELSE false END

-- name: is_held
-- Whether a lease is still its job's current one. No lock: others can take the job over while its `make` writes.
SELECT true FROM {jobs} AS j WHERE j._job_id = $1 AND j._lease_token = $2 AND {still_held};

-- name: complete_jobs
-- Finish jobs with few rows, together with the rows. The jobs are locked first, in the fixed order. Nothing is done
-- unless each job still belongs to its holder, and the catalog is the one for which the statement was made. Jobs are
-- looked up by id, one by one and by all ids: PostgreSQL would rather read all of a table of some thousands.
WITH done AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::double precision[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::text[], $10::text[])
        AS d(job_id, token, duration, code_version, code_commit, reads, writes, inputs, input_tables, output)
),
held AS MATERIALIZED (
    SELECT h._job_id FROM (SELECT job_id, token FROM done ORDER BY job_id) AS d CROSS JOIN LATERAL (
        SELECT j._job_id FROM {jobs} AS j
        WHERE j._job_id = d.job_id AND j._lease_token = d.token AND {still_held} FOR UPDATE
    ) AS h
),
ready AS MATERIALIZED (
    SELECT FROM {here} WHERE (SELECT count(*) FROM held) = cardinality($1::bigint[])
){inserts}
UPDATE {jobs} AS j SET {succeed} FROM done AS d CROSS JOIN ready
WHERE j._job_id = d.job_id AND j._job_id = ANY($1::bigint[]) RETURNING {key};

-- name: is_renewed
-- Whether a worker holds a job under a lease that expired at most $3 ago.
SELECT true FROM {jobs} AS j JOIN levada.worker_session AS s ON s.id = j._session_id
WHERE j._job_id = $1 AND j._lease_token = $2 AND j._state = 'reserved' AND s.expire_time + $3 > clock_timestamp();

-- name: absent_results
SELECT j._job_id FROM {jobs} AS j
WHERE j._job_id = ANY($1::bigint[]) AND NOT EXISTS (SELECT FROM {table} AS t WHERE {same}) ORDER BY j._job_id;

-- name: succeed
-- A part of other statements: the changes to a job that succeeded, by its record `d`.
_state = 'success', _finished_time = {now}, _duration = d.duration, _code_version = d.code_version,
    _code_commit = d.code_commit, _reads = d.reads::jsonb, _writes = d.writes::jsonb, _inputs = d.inputs::jsonb,
    _input_tables = d.input_tables::bigint[], _changed = NULL, _unready = 0,
    _shared = false, _error_type = NULL, _error_message = NULL, _error_stack = NULL, _output = d.output

-- name: finish_jobs
UPDATE {jobs} AS j SET {succeed} FROM unnest($1::bigint[], $2::double precision[], $3::text[], $4::text[], $5::text[],
                                              $6::text[], $7::text[], $8::text[], $9::text[])
    AS d(job_id, duration, code_version, code_commit, reads, writes, inputs, input_tables, output)
WHERE j._job_id = d.job_id;

-- name: fail_job
UPDATE {jobs}
SET _state = 'error', _finished_time = {now}, _duration = $2, _code_version = $3, _output = $4,
    _error_type = $5, _error_message = $6, _error_stack = $7, _shared = false
WHERE _job_id = $1;

-- name: postpone_job
-- A job that failed and is tried again after $8. It keeps its error until then.
UPDATE {jobs}
SET _state = 'pending', _failed_token = _lease_token, _lease_token = NULL, _session_id = NULL, _finished_time = NULL,
    _scheduled_time = {now} + $8::interval, _duration = $2, _code_version = $3, _output = $4,
    _error_type = $5, _error_message = $6, _error_stack = $7, _shared = false
WHERE _job_id = $1;

-- name: ask_later
-- A job whose `make` inserted nothing: it is asked again after $2, and this was not an attempt.
UPDATE {jobs}
SET _state = 'pending', _failed_token = _lease_token, _lease_token = NULL, _session_id = NULL, _finished_time = NULL,
    _attempt = _attempt - 1, _unready = _unready + 1, _scheduled_time = {now} + $2::interval, _duration = $3,
    _code_version = $4, _output = $5, _error_type = $6, _error_message = $7, _error_stack = '', _shared = false
WHERE _job_id = $1;

-- name: ask_unready
UPDATE {jobs} AS j SET {pend} WHERE j._state = 'pending' AND j._unready > 0 AND {restriction};

-- name: release_jobs
UPDATE {jobs} AS j
SET _state = 'pending', _lease_token = NULL, _session_id = NULL, _attempt = j._attempt - 1, _shared = false
FROM unnest($1::bigint[], $2::uuid[]) AS d(job_id, token)
WHERE j._job_id = d.job_id AND j._state = 'reserved' AND j._lease_token = d.token;

-- name: ignore_jobs
UPDATE {jobs} AS j
SET _state = 'ignored', _lease_token = NULL, _failed_token = NULL, _session_id = NULL, _finished_time = NULL
WHERE j._state IN ('pending', 'error') AND {restriction};

-- name: retry_jobs
UPDATE {jobs} AS j SET {pend} WHERE j._state = ANY($1::text[]) AND {restriction};

-- name: cancel_jobs
-- The token stays, so that the holder's result is recognized as a cancelled job's.
UPDATE {jobs} AS j
SET _state = 'error', _finished_time = {now}, _error_type = 'JobCancelled', _error_message = $1, _error_stack = ''
WHERE j._state = 'reserved' AND {restriction}
RETURNING {key_and_comma} _job_id, _attempt, _lease_token, _session_id;

-- name: list_jobs
SELECT j.* FROM {jobs} AS j
WHERE j._job_id > $1 AND (cardinality($2::text[]) = 0 OR j._state = ANY($2)) AND {restriction} ORDER BY j._job_id LIMIT $3;

-- name: count_in_state
-- How many jobs are in a state. Each state has an index of its own, which is read instead of the jobs.
SELECT {state} AS counted, count(*) AS count FROM {jobs} AS j WHERE j._state = {state} AND {restriction}

-- name: count_finished
-- The same for a final state, whose jobs all have a time: its index is nearly in the order of the table, which is quicker to
-- read than the smaller one of durations, and the planner would choose that.
SELECT {state} AS counted, count(*) AS count FROM {jobs} AS j
WHERE j._state = {state} AND j._finished_time IS NOT NULL AND {restriction}

-- name: count_unready
SELECT 'unready' AS counted, count(*) AS count FROM {jobs} AS j
WHERE j._state = 'pending' AND j._unready > 0 AND {restriction}

-- name: count_queue
-- The jobs that a worker could take now, as `reserve` finds them, and those that workers hold. Each is a count of one
-- small index, however many jobs are finished.
SELECT (SELECT count(*) FROM {jobs} AS j WHERE j._state = 'pending' AND j._scheduled_time <= {now}) AS waiting,
    (SELECT count(*) FROM {jobs} AS j WHERE j._state = 'reserved') AS running;

-- name: finished_jobs
-- The jobs that came into a final state within a span ($1), at most the last $3, counted in periods of $2 back from the
-- beginning of the transaction. The state's index has all that is read. A job may have finished after that moment.
SELECT {state} AS state, least(date_bin($2, f._finished_time, {began}), {began} - $2::interval) AT TIME ZONE 'UTC' AS start_time,
    count(*) AS count, min(f._finished_time) AT TIME ZONE 'UTC' AS first_time,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY f._duration) AS median_s, max(f._duration) AS longest_s, now() AS now
FROM (
    SELECT j._finished_time, j._duration FROM {jobs} AS j
    WHERE j._state = {state} AND j._finished_time > {began} - $1::interval AND {restriction}
    ORDER BY j._finished_time DESC LIMIT $3
) AS f
GROUP BY start_time

-- name: recent_rate
-- How many of the last $2 jobs that finished within a span ($1), and how many seconds ago the first of them did.
WITH finished AS (
    (SELECT j._finished_time FROM {jobs} AS j
     WHERE j._state = 'success' AND j._finished_time > {now} - $1::interval AND {restriction}
     ORDER BY j._finished_time DESC LIMIT $2)
    UNION ALL
    (SELECT j._finished_time FROM {jobs} AS j
     WHERE j._state = 'error' AND j._finished_time > {now} - $1::interval AND {restriction}
     ORDER BY j._finished_time DESC LIMIT $2)
)
SELECT count(*) AS count, extract(epoch FROM {now} - min(f._finished_time))::double precision AS seconds
FROM (SELECT _finished_time FROM finished ORDER BY _finished_time DESC LIMIT $2) AS f;

-- name: environments
SELECT e.id, e.content::text AS content FROM levada.environment AS e
WHERE e.id > $1 AND EXISTS (SELECT FROM {jobs} AS j WHERE j._environment_id = e.id AND {restriction})
ORDER BY e.id LIMIT $2;

-- name: held_tables
SELECT number FROM levada_functions.held_tables($1::text[]::regclass[]) AS number;

-- name: held_jobs
-- For each worker that holds jobs of a table, their number, and the key of the job that it reserved first.
SELECT DISTINCT ON (j._session_id) {key_and_comma} j._session_id AS session_id,
    j._reserved_time AT TIME ZONE 'UTC' AS reserved_time, count(*) OVER (PARTITION BY j._session_id) AS count
FROM {jobs} AS j WHERE j._state = 'reserved' AND {restriction}
ORDER BY j._session_id, j._reserved_time, j._job_id;

-- name: living_sessions
SELECT s.id, s.host, s.pid, s.username, s.code_version, s.create_time, s.expire_time, s.memory_bytes, s.user_id,
    s.token_id, u.name AS owner
FROM levada.worker_session AS s LEFT JOIN levada.user AS u ON u.id = s.user_id
WHERE s.expire_time > clock_timestamp() ORDER BY s.host, s.pid, s.id;
