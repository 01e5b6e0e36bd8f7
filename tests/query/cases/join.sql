-- On all shared names, the determining side first.
Subject.proj("name") * Session.proj("date")

SELECT t1."subject_id" AS "subject_id", t2."session" AS "session", t2."date" AS "date", t1."name" AS "name"
FROM "lab"."subject" AS t1
INNER JOIN "lab"."session" AS t2 ON (t1."subject_id" = t2."subject_id")
;

-- A limit stays inside of its operand.
Subject.top(5, "weight DESC") * Session.proj()

SELECT t3."subject_id" AS "subject_id", t2."session" AS "session", t3."name" AS "name", t3."weight" AS "weight", t3."username" AS "username"
FROM (
    SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
    FROM "lab"."subject" AS t1
    ORDER BY t1."weight" DESC, t1."subject_id"
    LIMIT $1::bigint
) AS t3
INNER JOIN "lab"."session" AS t2 ON (t3."subject_id" = t2."subject_id")
-- $1: 5
;

-- A left join keeps the conditions of the right side inside.
Session.proj().extend((Subject & "weight > 10").proj("name"))

SELECT t1."subject_id" AS "subject_id", t1."session" AS "session", t3."name" AS "name"
FROM "lab"."session" AS t1
LEFT JOIN (
    SELECT t2."subject_id" AS "subject_id", t2."name" AS "name"
    FROM "lab"."subject" AS t2
    WHERE (t2."weight" > $1::double precision)
) AS t3 ON (t1."subject_id" = t3."subject_id")
-- $1: 10.0
;

-- What the right side of a left join computes is NULL where it has no row.
Session.proj().extend(Subject.proj(heavy="weight > 10"))

SELECT t1."subject_id" AS "subject_id", t1."session" AS "session", t3."heavy" AS "heavy"
FROM "lab"."session" AS t1
LEFT JOIN (
    SELECT t2."subject_id" AS "subject_id", (t2."weight" > $1::double precision) AS "heavy"
    FROM "lab"."subject" AS t2
) AS t3 ON (t1."subject_id" = t3."subject_id")
-- $1: 10.0
;
