-- Distinct values.
U("username") & (Subject & "weight > 10")

SELECT DISTINCT t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE (t1."weight" > $1::double precision)
-- $1: 10.0
;

-- The one entity without attributes, if there is any row.
U() & Subject

SELECT
FROM "lab"."subject" AS t1
LIMIT $1::bigint
-- $1: 1
;

-- Groups of equal values.
U("username").aggr(Subject, n="count(*)")

SELECT t1."username" AS "username", count(*) AS "n"
FROM "lab"."subject" AS t1
GROUP BY t1."username"
;

-- One row for everything, also for nothing.
U().aggr(Subject, n="count(*)")

SELECT count(*) AS "n"
FROM "lab"."subject" AS t1
GROUP BY ()
;

-- Attributes that join the key.
(Subject.proj("name", "weight") & "weight > 10") * U("weight", "subject_id")

SELECT t1."subject_id" AS "subject_id", t1."weight" AS "weight", t1."name" AS "name"
FROM "lab"."subject" AS t1
WHERE (t1."weight" > $1::double precision)
-- $1: 10.0
;

-- A join has no order, so the order inside does not choose the first entities outside.
(U("weight") * Subject.top(5, "name DESC")).top(2)

SELECT t2."subject_id" AS "subject_id", t2."weight" AS "weight", t2."name" AS "name", t2."username" AS "username"
FROM (
    SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
    FROM "lab"."subject" AS t1
    ORDER BY t1."name" DESC, t1."subject_id"
    LIMIT $1::bigint
) AS t2
ORDER BY t2."subject_id", t2."weight"
LIMIT $2::bigint
-- $1: 5
-- $2: 2
;
