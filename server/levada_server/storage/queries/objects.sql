-- name: database_id
SELECT id FROM levada.database;

-- name: schema_id
SELECT id FROM levada.schema WHERE name = $1;

-- name: insert_upload
INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'uploading', clock_timestamp() + $8::interval);

-- name: renew_upload
-- Every call that names an upload extends its life.
UPDATE levada.object SET expire_time = clock_timestamp() + $2::interval WHERE id = $1 AND state = 'uploading'
RETURNING *;

-- name: begin_attempt
-- Runs before the bytes go there, so that they can be found if the server stops in between. Each call has a record and a
-- path of its own, so that a late one touches no bytes of another.
INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, expire_time)
SELECT $2, schema_id, codec, store, $3, name, folder, 'uploading', clock_timestamp() + $4::interval
FROM levada.object WHERE id = $1 AND state = 'uploading' AND holder = $2 RETURNING id;

-- name: hold_upload
UPDATE levada.object
SET holder = $2, hold_time = clock_timestamp() + $3::interval, expire_time = clock_timestamp() + $4::interval
WHERE id = $1 AND state = 'uploading' AND (holder IS NULL OR hold_time < clock_timestamp()) RETURNING *;

-- name: renew_hold
UPDATE levada.object SET hold_time = clock_timestamp() + $3::interval
WHERE id = $1 AND state = 'uploading' AND holder = $2 RETURNING id;

-- name: release_upload
UPDATE levada.object SET holder = NULL, hold_time = NULL WHERE id = $1 AND holder = $2;

-- name: commit_upload
-- The object takes the place of the call's attempt, unless that was given up; files that clients sent have the upload's.
WITH attempt AS (
    SELECT id FROM levada.object WHERE id = $2 AND state = 'uploading' FOR UPDATE
), committed AS (
    UPDATE levada.object
    SET state = 'whole', size_bytes = $3, hash = $4, file_count = $5, dtype = $6, shape = $7, verified = $9,
        path = $10, expire_time = clock_timestamp() + $8::interval
    WHERE id = $1 AND state = 'uploading' AND holder = $2 AND (path = $10 OR EXISTS (SELECT FROM attempt))
    RETURNING *
), ended AS (
    DELETE FROM levada.object WHERE id = $2 AND EXISTS (SELECT FROM committed)
)
SELECT * FROM committed;

-- name: insert_registered
INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, size_bytes, hash, expire_time)
SELECT f.id, $1, 'filepath', $2, f.path, f.name, false, 'whole', f.size_bytes, f.hash, clock_timestamp() + $3::interval
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::text[]) AS f(id, path, name, size_bytes, hash);

-- name: doom_upload
UPDATE levada.object SET state = 'doomed'
WHERE id = $1 AND state = 'uploading' AND holder IS NOT DISTINCT FROM $2 RETURNING *;

-- name: is_named_path
-- There is no index for it.
SELECT EXISTS (SELECT FROM levada.object WHERE store = $1 AND path = $2 AND state <> 'doomed');

-- name: insert_parts
-- Two calls for one file may come at once; the first one's upload counts.
INSERT INTO levada.object_parts (object_id, path, token, size_bytes, hash)
SELECT id, $2, $3, $4, $5 FROM levada.object WHERE id = $1 AND state = 'uploading'
ON CONFLICT (object_id, path) DO NOTHING RETURNING token;

-- name: read_parts
SELECT path, token, size_bytes, hash FROM levada.object_parts WHERE object_id = $1 ORDER BY path;

-- name: stores_with_objects
-- Which of some stores keep objects; an upload may never have reached its store.
SELECT s.name FROM unnest($1::text[]) AS s(name)
WHERE EXISTS (SELECT FROM levada.object AS o WHERE o.store = s.name AND o.codec <> 'filepath' AND o.hash IS NOT NULL);

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
INSERT INTO levada.object_user (object_id, user_id, token_id)
SELECT id, $2, $3 FROM unnest($1::uuid[]) AS id ON CONFLICT DO NOTHING;

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

-- name: end_of_window
-- The last of the next ids. Nothing else is asked for, so that the index gives them in order, whatever is known of the
-- objects.
SELECT id FROM levada.object WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1;

-- name: list_objects
-- The first objects of a window of ids that rows may name, with the tables whose rows name or named them.
SELECT o.*, coalesce(s.name, '') AS schema, ARRAY(
    SELECT n.name || '.' || t.name FROM levada.object_table h
    JOIN levada.table t ON t.id = h.table_id JOIN levada.schema n ON n.id = t.schema_id
    WHERE h.object_id = o.id ORDER BY 1
) AS tables
FROM levada.object o LEFT JOIN levada.schema s ON s.id = o.schema_id
WHERE o.id > $1 AND o.id <= $2 AND o.state IN ('whole', 'quarantined') AND ($4 = '' OR o.store = $4)
  AND ($5 = '' OR s.name = $5)
ORDER BY o.id LIMIT $3;

-- name: read_naming_rows
-- The keys of rows that name an object; there is no index for it.
SELECT row_to_json(k)::text AS key
FROM (SELECT {key} FROM {table} AS t WHERE t.{column} ->> 'id' = $1 LIMIT $2) AS k;

-- name: list_copyable
-- The first objects of a window of ids that a copy takes along from a store.
SELECT o.* FROM levada.object o LEFT JOIN levada.schema s ON s.id = o.schema_id
WHERE o.id > $1 AND o.id <= $2 AND o.state = 'whole' AND o.codec <> 'filepath' AND o.store = $4
  AND ($5 = '' OR s.name = $5)
ORDER BY o.id LIMIT $3;

-- name: lock_copied
-- Rows that are about to name the object wait until it is known where it lies.
SELECT id FROM levada.object WHERE id = $1 AND store = $2 AND path = $3 AND state IN ('whole', 'quarantined')
FOR UPDATE;

-- name: move_to_copy
-- Fails if the other store has an object with the same content already.
UPDATE levada.object SET store = $2, path = $3, made_for = array_append(array_remove(made_for, store), store)
WHERE id = $1;

-- name: keep_original
-- The record of the copy becomes that of the original bytes, which nothing names: readers may still be at work.
UPDATE levada.object AS c
SET state = 'quarantined', quarantine_time = clock_timestamp(), expire_time = clock_timestamp(),
    store = $3, path = $4, size_bytes = o.size_bytes, hash = o.hash, file_count = o.file_count,
    dtype = o.dtype, shape = o.shape, verified = o.verified
FROM levada.object AS o WHERE c.id = $1 AND c.state = 'uploading' AND o.id = $2 RETURNING c.id;

-- name: claim_twins
-- The objects of a store whose content another store has too, for which rows are about to name them; they stay, and
-- attributes of the other one's stores take them.
WITH twins AS (
    SELECT a.id AS original, b.id AS twin, a.store || a.made_for AS stores FROM levada.object a
    JOIN levada.object b ON b.schema_id = a.schema_id AND b.codec = a.codec AND b.hash = a.hash AND b.store = $2
    WHERE a.store = $1 AND a.codec IN ('blob', 'hash') AND a.state IN ('whole', 'quarantined')
      AND b.state IN ('whole', 'quarantined') AND a.verified AND b.verified
      AND ($4 = '' OR a.schema_id = (SELECT id FROM levada.schema WHERE name = $4))
), locked AS (
    SELECT b.id FROM levada.object b WHERE b.id IN (SELECT twin FROM twins) ORDER BY b.id FOR UPDATE
), holding AS (
    INSERT INTO levada.object_table (object_id, table_id)
    SELECT w.twin, h.table_id FROM twins w JOIN levada.object_table h ON h.object_id = w.original
    ON CONFLICT DO NOTHING
), sending AS (
    INSERT INTO levada.object_user (object_id, user_id, token_id)
    SELECT w.twin, u.user_id, u.token_id FROM twins w JOIN levada.object_user u ON u.object_id = w.original
    ON CONFLICT DO NOTHING
)
UPDATE levada.object AS b
SET state = 'whole', quarantine_time = NULL, expire_time = clock_timestamp() + $3::interval,
    made_for = ARRAY(SELECT DISTINCT s.store FROM unnest(b.made_for || w.stores) AS s(store))
FROM locked JOIN twins w ON w.twin = locked.id
WHERE b.id = locked.id AND b.state IN ('whole', 'quarantined');

-- name: follow_twins
-- Rows that name an object of a store, whose content the other store has, name the other; only one that was claimed for
-- their table, since it must stay, and be read by whoever reads them.
UPDATE {table} AS t
SET {column} = t.{column} || jsonb_build_object('id', b.id, 'store', b.store, 'path', b.path)
FROM levada.object a
JOIN levada.object b ON b.schema_id = a.schema_id AND b.codec = a.codec AND b.hash = a.hash AND b.store = $2
WHERE a.id = (t.{column} ->> 'id')::uuid AND a.store = $1 AND a.codec IN ('blob', 'hash') AND b.state = 'whole'
  AND a.verified AND b.verified AND t.{column} ->> 'store' = $1
  AND a.store = ANY(b.made_for) AND EXISTS (
      SELECT FROM levada.object_table h WHERE h.object_id = b.id AND h.table_id = $4
  )
  AND ($3 = '' OR a.schema_id = (SELECT id FROM levada.schema WHERE name = $3));

-- name: follow_objects
-- Rows that say that an object lies in a store which it has left.
UPDATE {table} AS t SET {column} = t.{column} || jsonb_build_object('store', o.store, 'path', o.path)
FROM levada.object o
WHERE o.id = (t.{column} ->> 'id')::uuid AND t.{column} ->> 'store' = $1 AND o.store <> $1
  AND ($2 = '' OR o.schema_id = (SELECT id FROM levada.schema WHERE name = $2));

-- name: measure_usage
-- One pass over all objects. Registered files are others' files, and take no space of ours.
INSERT INTO levada.object_usage (schema_id, user_id, object_count, size_bytes, measure_time)
SELECT o.schema_id, 0, count(*), sum(o.size_bytes), clock_timestamp() FROM levada.object o
WHERE o.state IN ('whole', 'quarantined') AND o.codec <> 'filepath' GROUP BY o.schema_id
UNION ALL
SELECT o.schema_id, u.user_id, count(*), sum(o.size_bytes), clock_timestamp()
FROM (SELECT DISTINCT object_id, user_id FROM levada.object_user) u JOIN levada.object o ON o.id = u.object_id
WHERE o.state IN ('whole', 'quarantined') AND o.codec <> 'filepath' GROUP BY o.schema_id, u.user_id;

-- name: claim_measuring
-- False if another process measures now, or has just done so.
SELECT pg_try_advisory_xact_lock(hashtext('levada.object_usage'))
    AND NOT EXISTS (SELECT FROM levada.object_usage WHERE measure_time > clock_timestamp() - $1::interval);

-- name: forget_usage
DELETE FROM levada.object_usage;

-- name: list_usage
SELECT coalesce(s.name, '') AS schema, coalesce(w.name, '') AS user, u.object_count, u.size_bytes, u.measure_time
FROM levada.object_usage u LEFT JOIN levada.schema s ON s.id = u.schema_id LEFT JOIN levada.user w ON w.id = u.user_id
ORDER BY s.name, u.schema_id, u.user_id LIMIT $1 OFFSET $2;

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

-- name: may_remove
-- False while a backup is made, or while another collection looks.
SELECT pg_try_advisory_xact_lock(hashtext('levada.backup'));

-- name: backup_since
-- When the sessions connected that keep objects.
SELECT min(a.backend_start) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.objsubid = 1
  AND l.objid::bigint = hashtext('levada.backup')::bigint & 4294967295
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- name: doom
UPDATE levada.object AS o SET state = 'doomed', quarantine_time = NULL
WHERE ($2 AND o.state = 'quarantined' AND o.quarantine_time < clock_timestamp() - $1::interval
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

-- name: unnamed_paths
-- Uploads, and objects that no row names, of some schemas, whose paths have keys.
SELECT o.id, s.name AS schema_name, o.path FROM levada.object AS o JOIN levada.schema AS s ON s.id = o.schema_id
WHERE s.name = ANY($1::text[]) AND o.state IN ('uploading', 'whole', 'quarantined') AND split_part(o.path, '/', 2) = 'object'
  AND o.codec <> 'filepath'
  AND NOT EXISTS (SELECT FROM pg_temp.named_object AS n WHERE n.id = o.id);

-- name: doom_unnamed
UPDATE levada.object AS o SET state = 'doomed', quarantine_time = NULL
WHERE o.id = ANY($1::uuid[]) AND o.state IN ('uploading', 'whole', 'quarantined')
RETURNING o.*;

-- name: count_doomed
SELECT count(*), coalesce(sum(size_bytes), 0)::bigint FROM levada.object WHERE state = 'doomed';

-- name: read_doomed
-- One step to the next id after the other: PostgreSQL, which has not seen yet that many objects are doomed, would read
-- and sort all of them for each call.
WITH RECURSIVE walk(id, number) AS (
    (SELECT id, 1 FROM levada.object WHERE state = 'doomed' AND id > $1 ORDER BY id LIMIT 1)
    UNION ALL
    SELECT n.id, w.number + 1 FROM walk w, LATERAL (
        SELECT o.id FROM levada.object o WHERE o.state = 'doomed' AND o.id > w.id ORDER BY o.id LIMIT 1
    ) n WHERE w.number < $2
)
SELECT o.* FROM walk w JOIN levada.object o ON o.id = w.id ORDER BY w.number;

-- name: delete_doomed
DELETE FROM levada.object WHERE id = ANY($1::uuid[]) AND state = 'doomed';
