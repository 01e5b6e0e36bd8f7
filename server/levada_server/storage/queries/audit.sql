-- name: audited
-- A part of other statements: one row for each row of a source.
INSERT INTO levada.audit (username, token, address, method, subject, details, row_count)
SELECT {username}::text, {token}::uuid, {address}::text, {method}::text, {subject}::text, {details}::text::jsonb, {row_count}::bigint
FROM {source}

-- name: outcome
-- The part of the next two for a request that has an id.
,
recorded AS (
    INSERT INTO levada.request_outcome (id, method, digest, content)
    SELECT {id}::text, {request_method}::text, {digest}::bytea, to_jsonb({row_count}::bigint) FROM {source}
)

-- name: recorded
-- Goes around a statement that changes as many rows as are known before, or none. It ends with the entry, so that
-- PostgreSQL counts 1 or 0. (RETURNING would cost more than the row: it is prepared anew for a partition.)
WITH changed AS ({changing} RETURNING 1){outcome}
{audited};

-- name: recorded_count
-- Goes around a statement that may leave some of its rows out, and counts those that it changes.
WITH changed AS ({changing} RETURNING 1),
counted AS (SELECT count(*) AS row_count FROM changed),
audited AS ({audited}){outcome}
SELECT row_count FROM counted;

-- name: insert
-- Those of calls that have ended.
INSERT INTO levada.audit (time, username, token, address, method, outcome, subject, row_count, details)
SELECT time, username, token, address, method, outcome, subject, row_count, details::jsonb
FROM unnest($1::timestamp[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])
    AS r(time, username, token, address, method, outcome, subject, row_count, details);

-- name: keep
SELECT levada.keep_audit($1);
