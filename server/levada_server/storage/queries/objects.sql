-- name: schema_id
SELECT id FROM levada.schema WHERE name = $1;

-- name: insert_upload
INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'uploading', clock_timestamp() + $8::interval);

-- name: renew_upload
-- Every call that names an upload extends its life.
UPDATE levada.object SET expire_time = clock_timestamp() + $2::interval WHERE id = $1 AND state = 'uploading'
RETURNING *;

-- name: place_upload
-- Runs before the bytes go there, so that they can be found if the server stops in between.
UPDATE levada.object SET path = $2 WHERE id = $1 AND state = 'uploading';

-- name: commit_upload
UPDATE levada.object
SET state = 'whole', size_bytes = $2, hash = $3, file_count = $4, dtype = $5, shape = $6, verified = $8,
    expire_time = clock_timestamp() + $7::interval
WHERE id = $1 AND state = 'uploading' RETURNING *;

-- name: insert_registered
INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, size_bytes, hash, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, false, 'whole', $7, $8, clock_timestamp() + $9::interval) RETURNING *;

-- name: doom_upload
UPDATE levada.object SET state = 'doomed' WHERE id = $1 AND state = 'uploading';

-- name: insert_parts
-- Two calls for one file may come at once; the first one's upload counts.
INSERT INTO levada.object_parts (object_id, path, token, size_bytes, hash)
SELECT id, $2, $3, $4, $5 FROM levada.object WHERE id = $1 AND state = 'uploading'
ON CONFLICT (object_id, path) DO NOTHING RETURNING token;

-- name: read_parts
SELECT path, token, size_bytes, hash FROM levada.object_parts WHERE object_id = $1 ORDER BY path;

-- name: known_uploads
-- Which of some uploads are under way.
SELECT id FROM levada.object WHERE id = ANY($1::uuid[]) AND state = 'uploading';

-- name: known_tokens
-- Which of some uploads in parts belong to an object that is not complete.
SELECT p.token FROM levada.object_parts AS p JOIN levada.object AS o ON o.id = p.object_id
WHERE p.token = ANY($1::text[]) AND o.state = 'uploading';

-- name: find_content
SELECT id FROM levada.object
WHERE schema_id = $1 AND store = $2 AND codec = $3 AND hash = $4 AND codec IN ('blob', 'hash')
  AND state IN ('whole', 'quarantined') AND verified;

-- name: read_holders
-- The tables whose rows name some objects, and the users and tokens that put them there.
SELECT o.id,
    ARRAY(SELECT t.table_id FROM levada.object_table t WHERE t.object_id = o.id) AS tables,
    ARRAY(SELECT u.user_id FROM levada.object_user u WHERE u.object_id = o.id ORDER BY u.user_id, u.token_id) AS users,
    ARRAY(SELECT u.token_id FROM levada.object_user u WHERE u.object_id = o.id ORDER BY u.user_id, u.token_id) AS tokens
FROM unnest($1::uuid[]) AS o(id);

-- name: add_user
INSERT INTO levada.object_user (object_id, user_id, token_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: claim_content
-- The object with some content, if it exists; it stays for a while, even if no row names it yet.
UPDATE levada.object SET state = 'whole', quarantine_time = NULL, expire_time = clock_timestamp() + $5::interval
WHERE schema_id = $1 AND store = $2 AND codec = $3 AND hash = $4 AND codec IN ('blob', 'hash')
  AND state IN ('whole', 'quarantined') AND verified
RETURNING *;

-- name: claim
-- Objects that rows of a table are about to name: they leave quarantine, and stay longer than the rows' transaction
-- lasts. Locked in a fixed order, so that two such statements do not deadlock.
WITH locked AS (
    SELECT id FROM levada.object WHERE id = ANY($1::uuid[]) AND state IN ('whole', 'quarantined') ORDER BY id FOR UPDATE
), named AS (
    INSERT INTO levada.object_table (object_id, table_id) SELECT id, $3 FROM locked ON CONFLICT DO NOTHING
)
UPDATE levada.object AS o SET state = 'whole', quarantine_time = NULL, expire_time = clock_timestamp() + $2::interval
FROM locked WHERE o.id = locked.id
RETURNING o.*;

-- name: read_object
SELECT * FROM levada.object WHERE id = $1 AND state IN ('whole', 'quarantined');

-- name: read_schema
SELECT s.name FROM levada.object AS o JOIN levada.schema AS s ON s.id = o.schema_id WHERE o.id = $1;

-- name: lift_time_limit
-- For this transaction, which reads every column of objects from end to end.
SELECT set_config('statement_timeout', '0', true);

-- name: create_named
CREATE TEMPORARY TABLE {named} (id uuid PRIMARY KEY) ON COMMIT DROP;

-- name: add_named
-- The objects that the rows of one attribute name.
INSERT INTO pg_temp.{named}
SELECT DISTINCT (t.{column} ->> 'id')::uuid FROM {table} AS t WHERE t.{column} IS NOT NULL ON CONFLICT DO NOTHING;

-- The next three check the state again once they hold an object's lock, because a claim meanwhile has changed it.

-- name: quarantine
WITH quarantined AS (
    UPDATE levada.object AS o SET state = 'quarantined', quarantine_time = clock_timestamp()
    WHERE o.state = 'whole' AND o.expire_time < clock_timestamp()
      AND NOT EXISTS (SELECT FROM pg_temp.named_object AS n WHERE n.id = o.id)
    RETURNING o.size_bytes
)
SELECT count(*), coalesce(sum(size_bytes), 0)::bigint FROM quarantined;

-- name: release
UPDATE levada.object AS o SET state = 'whole', quarantine_time = NULL
WHERE o.state = 'quarantined' AND EXISTS (SELECT FROM pg_temp.named_object AS n WHERE n.id = o.id);

-- name: doom
UPDATE levada.object AS o SET state = 'doomed', quarantine_time = NULL
WHERE (o.state = 'quarantined' AND o.quarantine_time < clock_timestamp() - $1::interval
       AND NOT EXISTS (SELECT FROM pg_temp.named_object AS n WHERE n.id = o.id))
   OR (o.state = 'uploading' AND o.expire_time < clock_timestamp());

-- name: lock_named
-- Waits for those who write into a table, and keeps others from writing.
LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE;

-- name: doom_erased
-- The objects that erased rows named, and that no row names now.
UPDATE levada.object AS o SET state = 'doomed', quarantine_time = NULL
WHERE o.state IN ('whole', 'quarantined') AND EXISTS (SELECT FROM pg_temp.erased_object AS e WHERE e.id = o.id)
  AND NOT EXISTS (SELECT FROM pg_temp.named_object AS n WHERE n.id = o.id)
RETURNING o.*;

-- name: count_doomed
SELECT count(*), coalesce(sum(size_bytes), 0)::bigint FROM levada.object WHERE state = 'doomed';

-- name: read_doomed
SELECT * FROM levada.object WHERE state = 'doomed' AND id > $1 ORDER BY id LIMIT $2;

-- name: delete_doomed
DELETE FROM levada.object WHERE id = $1 AND state = 'doomed';
