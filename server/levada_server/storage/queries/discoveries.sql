-- name: due
-- The tables of $1 whose discovery may begin, with their intervals in $2; all that nobody is at if $3 is true. One of a
-- dead session may begin once its pause is over, which the reserve has noted; one that the session $4 holds without
-- knowing it ($5), because an answer was lost, at once.
SELECT t.number FROM unnest($1::bigint[], $2::interval[]) WITH ORDINALITY AS t(id, period, number)
LEFT JOIN levada.discovery AS d ON d.table_id = t.id
WHERE d.table_id IS NULL OR (d.state = 'reserved' AND d.session_id = $4 AND d.lease_token <> ALL($5::uuid[])) OR (
    (d.state <> 'reserved' OR NOT EXISTS (
        SELECT FROM levada.worker_session AS s WHERE s.id = d.session_id AND s.expire_time > clock_timestamp()))
    AND ($3 OR least(d.scheduled_time,
                     CASE WHEN d.state <> 'reserved' THEN d.reserved_time + t.period END) <= clock_timestamp()))
ORDER BY d.scheduled_time NULLS FIRST, t.number;

-- name: add
INSERT INTO levada.discovery (table_id) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: lock
-- The attempts before the one that begins. Others that look at the same time pass it over. A lease that the session $2
-- has already is the same attempt: its answer was lost.
SELECT attempt - (state = 'reserved' AND session_id IS NOT DISTINCT FROM $2)::integer
FROM levada.discovery WHERE table_id = $1 FOR UPDATE SKIP LOCKED;

-- name: reserve
-- The lock on the session prevents its end while it takes the discovery.
WITH holder AS (
    SELECT id, host, pid, username FROM levada.worker_session
    WHERE id = $2 AND (user_id, token_id) IS NOT DISTINCT FROM ($3::bigint, $7::uuid) FOR KEY SHARE
)
UPDATE levada.discovery AS d
SET state = 'reserved', attempt = $6 + 1, lease_token = gen_random_uuid(), session_id = holder.id,
    user_id = $3, token_id = $7,
    host = holder.host, pid = holder.pid, username = holder.username, reserved_time = clock_timestamp(),
    period = $4, scheduled_time = clock_timestamp() + $5::interval,
    error_type = NULL, error_message = NULL, error_stack = NULL
FROM holder WHERE d.table_id = $1
RETURNING d.lease_token, d.attempt;

-- name: held
SELECT state, attempt, period, lease_token, user_id, token_id FROM levada.discovery WHERE table_id = $1 FOR UPDATE;

-- name: complete
UPDATE levada.discovery
SET state = 'success', attempt = 0, finished_time = clock_timestamp(), duration = $2, row_count = $3,
    total_row_count = total_row_count + $3, scheduled_time = greatest(clock_timestamp(), reserved_time + period)
WHERE table_id = $1;

-- name: fail
UPDATE levada.discovery
SET state = 'error', finished_time = clock_timestamp(), duration = $2, row_count = $3,
    total_row_count = total_row_count + $3, scheduled_time = clock_timestamp() + $4::interval,
    error_type = $5, error_message = $6, error_stack = $7
WHERE table_id = $1;

-- name: list
-- A discovery that ended well, and whose interval is over, is pending again.
SELECT table_id,
    CASE WHEN state = 'success' AND scheduled_time <= clock_timestamp() THEN 'pending' ELSE state END AS state, attempt, scheduled_time, reserved_time, finished_time, duration, row_count, total_row_count,
    host, pid, username, error_type, error_message, error_stack
FROM levada.discovery WHERE table_id = ANY($1::bigint[]) AND state <> 'pending';
