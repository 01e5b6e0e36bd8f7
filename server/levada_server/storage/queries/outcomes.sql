-- name: insert
-- Runs in the transaction of the change. If two have the same id, the second waits for the first, and fails if that
-- commits.
INSERT INTO levada.request_outcome (id, method, digest, content) VALUES ($1, $2, $3, $4::text::jsonb);

-- name: recorded
-- Goes before a statement that makes a change.
WITH recorded AS (
    INSERT INTO levada.request_outcome (id, method, digest, content)
    SELECT {id}::text, {method}::text, {digest}::bytea, {content}::text::jsonb FROM {source}
)

-- name: recorded_each
-- The outcome of a change of one row, if it changed one.
WITH changed AS ({changing} RETURNING 1)
INSERT INTO levada.request_outcome (id, method, digest, content)
SELECT {id}::text, {method}::text, {digest}::bytea, '1' FROM changed;

-- name: give_up
-- Waits for a running transaction of the request. If that rolls back, this row blocks the request for good.
INSERT INTO levada.request_outcome (id, method) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: find
SELECT method, digest, content::text AS content FROM levada.request_outcome WHERE id = $1;

-- name: delete_before
-- A part of those of past days, oldest pages first. Somebody else who deletes them too is not waited for.
DELETE FROM levada.request_outcome WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM levada.request_outcome WHERE day < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
));
