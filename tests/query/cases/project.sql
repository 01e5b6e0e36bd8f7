-- The key stays, whatever is named.
Subject.proj("name")

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name"
FROM "lab"."subject" AS t1
;

-- Renames, duplicates, leaves out and computes.
Session.proj(..., "-meta", animal="subject_id", day="(date)", number="session + 1")

SELECT t1."subject_id" AS "animal", t1."session" AS "session", t1."date" AS "date", t1."date" AS "day", ((t1."session")::bigint + $1::bigint) AS "number"
FROM "lab"."session" AS t1
-- $1: 1
;

-- What is computed with what was computed is computed apart; so it is written out once.
Subject.proj(heavy="weight / 10").proj(twice="heavy + heavy")

SELECT t2."subject_id" AS "subject_id", levada_functions.add(t2."heavy", t2."heavy") AS "twice"
FROM (
    SELECT t1."subject_id" AS "subject_id", levada_functions.divide(t1."weight", $1::double precision) AS "heavy"
    FROM "lab"."subject" AS t1
) AS t2
-- $1: 10.0
;

-- A random number is drawn once for each row, in a subquery that PostgreSQL does not dissolve.
Subject.proj(r="rand()") & "r BETWEEN 0.2 AND 0.4"

SELECT t2."subject_id" AS "subject_id", t2."r" AS "r"
FROM (
    SELECT t1."subject_id" AS "subject_id", random() AS "r"
    FROM "lab"."subject" AS t1
) AS t2
WHERE ((t2."r" >= $1::double precision) AND (t2."r" <= $2::double precision))
-- $1: 0.2
-- $2: 0.4
;
