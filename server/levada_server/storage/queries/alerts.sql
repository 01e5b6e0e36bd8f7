-- name: look
-- Let one server look at a time: the others pass on. Nobody is told twice within $1. The last moments ($2) are left for the
-- next look, because a transaction that is not yet committed has an earlier time.
SELECT seen_time, clock_timestamp() - $2::interval AS until
FROM levada.alert_state WHERE told_time <= clock_timestamp() - $1::interval FOR UPDATE SKIP LOCKED;

-- name: seen
UPDATE levada.alert_state SET seen_time = $1, told_time = CASE WHEN $2 THEN clock_timestamp() ELSE told_time END;

-- name: failed_jobs
-- Jobs that somebody cancelled are no trouble.
SELECT count(*) AS count, (array_agg(DISTINCT j._error_type))[:3] AS errors FROM {jobs} AS j
WHERE j._state = 'error' AND j._finished_time > $1::timestamptz AT TIME ZONE 'UTC'
  AND j._finished_time <= $2::timestamptz AT TIME ZONE 'UTC' AND j._error_type <> 'JobCancelled';

-- name: lost_workers
-- Worker sessions that fell silent, and stayed silent for a while ($3).
SELECT count(*) AS count, (array_agg(DISTINCT s.host))[:3] AS hosts FROM levada.worker_session AS s
WHERE s.expire_time > $1::timestamptz - $3::interval AND s.expire_time <= $2::timestamptz - $3::interval;

-- name: failed_backups
SELECT b.trouble FROM levada.backup AS b
WHERE b.trouble <> '' AND b.end_time > $1 AND b.end_time <= $2 ORDER BY b.end_time LIMIT 3;

-- name: insert
INSERT INTO levada.alert (channel, message) SELECT c, $2 FROM unnest($1::text[]) AS c;

-- name: claim
-- One message to send; for a while ($2) no other server sends it.
UPDATE levada.alert SET next_time = clock_timestamp() + $2::interval, attempt = attempt + 1
WHERE id = (SELECT id FROM levada.alert WHERE next_time <= clock_timestamp() AND channel = ANY($1::text[])
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, channel, message, attempt;

-- name: postpone
UPDATE levada.alert SET next_time = clock_timestamp() + $2::interval WHERE id = $1;

-- name: delete
DELETE FROM levada.alert WHERE id = $1;
