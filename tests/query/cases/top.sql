-- The key breaks ties.
Subject.top(5, "weight DESC", "name")

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
ORDER BY t1."weight" DESC, t1."name", t1."subject_id"
LIMIT $1::bigint
-- $1: 5
;

-- An order by itself.
Subject.top(None, "KEY DESC")

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
ORDER BY t1."subject_id" DESC
;

-- A restriction after it filters the first entities.
Subject.top(5, offset=2) & "weight > 10"

SELECT t2."subject_id" AS "subject_id", t2."name" AS "name", t2."weight" AS "weight", t2."username" AS "username"
FROM (
    SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
    FROM "lab"."subject" AS t1
    ORDER BY t1."subject_id"
    LIMIT $1::bigint
    OFFSET $2::bigint
) AS t2
WHERE (t2."weight" > $3::double precision)
ORDER BY t2."subject_id"
-- $1: 5
-- $2: 2
-- $3: 10.0
;
