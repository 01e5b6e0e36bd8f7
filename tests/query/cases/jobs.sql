-- The jobs of a table.
jobs("Spectrum").proj("state")

SELECT t1."subject_id" AS "subject_id", t1."session" AS "session", t1."_state" AS "state"
FROM "levada_jobs"."t8" AS t1
;

-- What a table has still to compute, without what has a job.
new_keys("Pairing")

SELECT t1."subject_id" AS "first", t2."subject_id" AS "second"
FROM "lab"."subject" AS t1
INNER JOIN "lab"."subject" AS t2 ON TRUE
WHERE NOT EXISTS (
    SELECT
    FROM "lab"."pairing" AS t3
    WHERE (t3."first" = t1."subject_id") AND (t3."second" = t2."subject_id")
) AND NOT EXISTS (
    SELECT
    FROM "levada_jobs"."t9" AS t4
    WHERE (t4."first" = t1."subject_id") AND (t4."second" = t2."subject_id")
)
;
