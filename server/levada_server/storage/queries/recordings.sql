-- name: create
-- Nothing if the user has $3 others.
INSERT INTO levada.recording (user_id, name, token_id)
SELECT $1, $2, $4 WHERE (SELECT count(*) FROM levada.recording WHERE user_id IS NOT DISTINCT FROM $1) < $3
ON CONFLICT DO NOTHING;

-- name: take_over
-- Whoever goes on with the recording of a token with scopes by a token without any adds what the other may not read.
UPDATE levada.recording SET token_id = NULL
WHERE user_id IS NOT DISTINCT FROM $1 AND name = $2 AND token_id IS NOT NULL;

-- name: list
SELECT r.name, r.create_time, count(d.id) AS read_count, max(d.last_time) AS last_read_time
FROM levada.recording AS r LEFT JOIN levada.recorded_read AS d ON d.recording_id = r.id
WHERE r.user_id IS NOT DISTINCT FROM $1 AND ($2::text IS NULL OR r.name = $2) AND ($3::uuid IS NULL OR r.token_id = $3)
GROUP BY r.id ORDER BY r.name;

-- name: find
-- One that may be read.
SELECT id FROM levada.recording
WHERE user_id IS NOT DISTINCT FROM $1 AND name = $2 AND ($3::uuid IS NULL OR token_id = $3);

-- name: find_open
-- Those to which reads may be added.
SELECT name, id FROM levada.recording
WHERE user_id IS NOT DISTINCT FROM $1 AND name = ANY($2::text[]) AND token_id IS NOT DISTINCT FROM $3;

-- name: add_read
-- Nothing if a recording has $6 other reads or with this one more than $7 bytes of them, or was deleted meanwhile.
INSERT INTO levada.recorded_read AS d (recording_id, key, relation, kind, digest)
SELECT r.id, $2, $3::bytea, $4, $5 FROM levada.recording AS r
WHERE r.id = ANY($1::bigint[])
  AND ((SELECT count(*) < $6 AND coalesce(sum(octet_length(o.relation)), 0) + octet_length($3::bytea) <= $7
        FROM levada.recorded_read AS o WHERE o.recording_id = r.id)
       OR EXISTS (SELECT FROM levada.recorded_read AS o WHERE o.recording_id = r.id AND o.key = $2))
ORDER BY r.id
ON CONFLICT (recording_id, key) DO UPDATE
SET digest = EXCLUDED.digest, last_time = clock_timestamp(), read_count = d.read_count + 1
RETURNING d.recording_id;

-- name: reads_that_name
-- The next reads whose message has the names of a schema and of a table of it.
SELECT d.id, d.relation FROM levada.recorded_read AS d
WHERE d.id > $1 AND EXISTS (
    SELECT FROM unnest($2::bytea[], $3::bytea[]) AS t(schema_name, table_name)
    WHERE position(t.schema_name IN d.relation) > 0 AND position(t.table_name IN d.relation) > 0
) ORDER BY d.id LIMIT $4;

-- name: delete_reads
DELETE FROM levada.recorded_read WHERE id = ANY($1::bigint[]);

-- name: list_reads
SELECT id, relation, kind, digest, first_time, last_time, read_count FROM levada.recorded_read
WHERE recording_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: delete
DELETE FROM levada.recording
WHERE user_id IS NOT DISTINCT FROM $1 AND name = $2 AND ($3::uuid IS NULL OR token_id = $3) RETURNING id;
