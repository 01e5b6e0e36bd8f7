-- A text becomes a condition on the columns themselves.
Subject & "weight > 10"

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE (t1."weight" > $1::double precision)
-- $1: 10.0
;

-- The complement keeps entities for which the condition is NULL.
Subject - "weight > 10"

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE ((t1."weight" > $1::double precision) IS NOT TRUE)
-- $1: 10.0
;

-- Values of a mapping are brought to their attribute's type, NULL and lists too; unknown names are ignored.
Session & {"subject_id": "5", "session": (1, None), "date": "2024-02-29", "meta": None, "other": 1}

SELECT t1."subject_id" AS "subject_id", t1."session" AS "session", t1."date" AS "date", t1."meta" AS "meta"
FROM "lab"."session" AS t1
WHERE ((t1."subject_id" = $1::integer) AND ((t1."session" = ANY($2::smallint[])) OR (t1."session" IS NULL)) AND (t1."date" = $3::date) AND (t1."meta" IS NULL))
-- $1: 5
-- $2: [1]
-- $3: datetime.date(2024, 2, 29)
;

-- A part of a JSON value.
Session & {"meta.rig": "a"}

SELECT t1."subject_id" AS "subject_id", t1."session" AS "session", t1."date" AS "date", t1."meta" AS "meta"
FROM "lab"."session" AS t1
WHERE (((t1."meta" #>> $1::text[]) COLLATE "C") = $2::text)
-- $1: ['rig']
-- $2: 'a'
;

-- Alternatives, one of them with a NULL.
Subject & [{"subject_id": 1}, {"weight": None}, All("weight > 1", Not({"name": "x"}))]

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE ((t1."subject_id" = $1::integer) OR (t1."weight" IS NULL) OR ((t1."weight" > $2::double precision) AND ((t1."name" = $3::text) IS NOT TRUE)))
-- $1: 1
-- $2: 1.0
-- $3: 'x'
;

-- Many mappings with the same names are one table of values; NULL equals NULL there.
Subject & [{"subject_id": i, "username": None if i else "ann"} for i in range(4)]

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE EXISTS (
    SELECT
    FROM unnest($1::integer[], $2::text[]) AS t2("subject_id", "username")
    WHERE (t2."subject_id" = t1."subject_id") AND (t2."username" IS NOT DISTINCT FROM t1."username")
)
-- $1: [0, 1, 2, 3]
-- $2: ['ann', None, None, None]
;

-- A query restricts by what it shares.
Subject & (Session & "date > '2024-01-01'")

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE EXISTS (
    SELECT
    FROM "lab"."session" AS t2
    WHERE (t2."date" > $1::date) AND (t2."subject_id" = t1."subject_id")
)
-- $1: datetime.date(2024, 1, 1)
;

-- And its complement by NOT EXISTS.
Subject - Session

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE NOT EXISTS (
    SELECT
    FROM "lab"."session" AS t2
    WHERE (t2."subject_id" = t1."subject_id")
)
;

-- Restrictions add up in one WHERE.
Subject & "subject_id > 1" & {"name": "Leo"} & Session

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", t1."weight" AS "weight", t1."username" AS "username"
FROM "lab"."subject" AS t1
WHERE (t1."subject_id" > $1::integer) AND (t1."name" = $2::text) AND EXISTS (
    SELECT
    FROM "lab"."session" AS t2
    WHERE (t2."subject_id" = t1."subject_id")
)
-- $1: 1
-- $2: 'Leo'
;
