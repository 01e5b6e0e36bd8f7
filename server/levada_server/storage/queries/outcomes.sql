-- name: insert
-- Runs in the transaction of the change. If two have the same id, the second waits for the first, and fails if that
-- commits.
INSERT INTO levada.request_outcome (id, method, content) VALUES ($1, $2, $3::text::jsonb);

-- name: recorded
-- Goes before a statement that makes a change.
WITH recorded AS (
    INSERT INTO levada.request_outcome (id, method, content)
    SELECT {id}::text, {method}::text, {content}::text::jsonb FROM {source}
)

-- name: recorded_each
-- The outcome of a change of one row, if it changed one.
WITH changed AS ({changing} RETURNING 1)
INSERT INTO levada.request_outcome (id, method, content) SELECT {id}::text, {method}::text, '1' FROM changed;

-- name: give_up
-- Waits for a running transaction of the request. If that rolls back, this row blocks the request for good.
INSERT INTO levada.request_outcome (id, method)
SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM levada.request_outcome WHERE id = $1)
ON CONFLICT DO NOTHING;

-- name: find
SELECT method, content::text AS content FROM levada.request_outcome WHERE id = $1 LIMIT 1;

-- name: partitions
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'levada.request_outcome'::regclass;

-- name: create_partition
CREATE TABLE levada.{name} PARTITION OF levada.request_outcome FOR VALUES FROM ({day}) TO ({next_day});

-- name: drop_partition
DROP TABLE levada.{name};

-- name: delete_others
DELETE FROM levada.request_outcome_other WHERE day < $1;
