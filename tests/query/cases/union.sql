-- An entity in both is one row.
(Subject & "subject_id < 3").proj("name") + Subject.aggr(Session, n="count(*)")

SELECT coalesce(t2."subject_id", t5."subject_id") AS "subject_id", t2."name" AS "name", t5."n" AS "n"
FROM (
    SELECT t1."subject_id" AS "subject_id", t1."name" AS "name"
    FROM "lab"."subject" AS t1
    WHERE (t1."subject_id" < $1::integer)
) AS t2
FULL JOIN (
    SELECT t3."subject_id" AS "subject_id", count(*) FILTER (WHERE (t4."subject_id" IS NOT NULL)) AS "n"
    FROM "lab"."subject" AS t3
    LEFT JOIN "lab"."session" AS t4 ON (t3."subject_id" = t4."subject_id")
    GROUP BY t3."subject_id", t3."name", t3."weight", t3."username"
) AS t5 ON (t2."subject_id" = t5."subject_id")
-- $1: 3
;
