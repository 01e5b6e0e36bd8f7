-- name: begin_snapshot
-- The backup reads for hours, if it must.
-- If its machine is gone, the session ends within minutes: until then no object is removed.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('tcp_keepalives_idle', '60', true), set_config('tcp_keepalives_interval', '10', true),
    set_config('tcp_keepalives_count', '6', true), set_config('tcp_user_timeout', '120000', true);

-- name: keep_objects
-- Until `release_objects` nothing gives objects up, however long they are read. A transaction would have its snapshot
-- before the lock, so the session holds it.
SELECT pg_advisory_lock_shared(hashtext('levada.backup'));

-- name: release_objects
SELECT pg_advisory_unlock_shared(hashtext('levada.backup'));

-- name: export_snapshot
SELECT pg_export_snapshot();

-- name: list_tables
-- Every table, with the expressions that order its rows: the primary key, or the whole row if there is none.
SELECT format('%I.%I', n.nspname, c.relname) AS name,
    coalesce(
        (SELECT string_agg(format('%I', a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END,
                           ', ' ORDER BY k.position)
         FROM pg_index AS i
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
         WHERE i.indrelid = c.oid AND i.indisprimary),
        't::text COLLATE "C"') AS ordering
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";

-- name: lock_table
-- Nobody drops or alters it while it is read.
LOCK TABLE {table} IN ACCESS SHARE MODE;

-- name: read_table
SELECT * FROM {table} AS t ORDER BY {ordering};

-- name: list_objects
SELECT store, path, folder, size_bytes, hash, state = 'quarantined' AS quarantined
FROM levada.object WHERE state IN ('whole', 'quarantined') ORDER BY store, path;

-- name: migration
SELECT max(number) FROM levada.migration;

-- name: has_tables
SELECT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_');

-- name: restoring_id
-- The id of a restore into this database that has not ended.
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'levada_restoring';

-- name: begin_restoring
CREATE SCHEMA levada_restoring;

-- name: name_restoring
COMMENT ON SCHEMA levada_restoring IS {id};

-- name: end_restoring
DROP SCHEMA IF EXISTS levada_restoring;

-- name: replace_signing_key
UPDATE levada.signing_key
SET secret = decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

-- name: reset_changes
-- This database counts its transactions from another number: all inputs are to be looked at once more.
WITH known AS (DELETE FROM levada.table_change RETURNING table_id)
INSERT INTO levada.table_change (table_id, xid) SELECT DISTINCT table_id, '1'::xid8 FROM known;

-- name: job_tables
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r';

-- name: reset_horizons
UPDATE {jobs} SET _horizon = '0' WHERE _state IN ('success', 'reserved');

-- name: end_sessions
DELETE FROM levada.worker_session;

-- name: end_browsers
WITH codes AS (DELETE FROM levada.browser_code)
DELETE FROM levada.browser_session;

-- name: forget_alerts
-- They are about the time before, and people know.
WITH gone AS (DELETE FROM levada.alert)
UPDATE levada.alert_state SET seen_time = clock_timestamp();

-- name: replace_id
UPDATE levada.database SET id = $1;

-- name: revoke_tokens
UPDATE levada.token SET revoke_time = clock_timestamp() WHERE revoke_time IS NULL;

-- name: insert_attempt
INSERT INTO levada.backup (trouble) VALUES ($1);

-- name: last_success
SELECT max(end_time) FROM levada.backup WHERE trouble = '';
