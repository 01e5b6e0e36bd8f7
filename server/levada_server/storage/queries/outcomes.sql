-- name: insert
-- In the transaction of the change. Of two with one id the second waits for the first, and fails if that commits.
INSERT INTO levada.request_outcome (id, method, content) VALUES ($1, $2, $3::text::jsonb);

-- name: recorded
-- Before a statement that changes something.
WITH recorded AS (
    INSERT INTO levada.request_outcome (id, method, content)
    SELECT {id}::text, {method}::text, {content}::text::jsonb FROM {source}
)

-- name: recorded_each
-- What came of a change of one row, if there is one.
WITH changed AS ({changing} RETURNING 1)
INSERT INTO levada.request_outcome (id, method, content) SELECT {id}::text, {method}::text, '1' FROM changed;

-- name: give_up
-- Waits for a transaction that is at it. If that rolls back, this stands in its way for good.
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
