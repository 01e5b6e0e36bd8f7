-- name: insert
-- Runs in the transaction of the change. If two have the same id, the second waits for the first, and fails if that
-- commits.
INSERT INTO levada.request_outcome (id, method, digest, content) VALUES ($1, $2, $3, $4::text::jsonb);

-- name: insert_audited
-- The same, with the entry of the audit.
WITH audited AS ({audited})
INSERT INTO levada.request_outcome (id, method, digest, content) VALUES ($1, $2, $3, $4::text::jsonb);

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
