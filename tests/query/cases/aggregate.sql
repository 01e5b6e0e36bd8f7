-- Entities without a match stay, and count 0.
Subject.aggr(Session, "name", n="count(*)", last="max(date)")

SELECT t1."subject_id" AS "subject_id", t1."name" AS "name", count(*) FILTER (WHERE (t2."subject_id" IS NOT NULL)) AS "n", max(t2."date") FILTER (WHERE (t2."subject_id" IS NOT NULL)) AS "last"
FROM "lab"."subject" AS t1
LEFT JOIN "lab"."session" AS t2 ON (t1."subject_id" = t2."subject_id")
GROUP BY t1."subject_id", t1."name", t1."weight", t1."username"
;

-- Only entities with a match.
Subject.aggr(Session, n="count(*)", matching_only=True)

SELECT t1."subject_id" AS "subject_id", count(*) AS "n"
FROM "lab"."subject" AS t1
INNER JOIN "lab"."session" AS t2 ON (t1."subject_id" = t2."subject_id")
GROUP BY t1."subject_id", t1."name", t1."weight", t1."username"
;

-- A singleton has no key to tell a match by, so a marker does.
Settings.aggr(Rig, n="count(*)")

SELECT count(*) FILTER (WHERE t3."(matched)") AS "n"
FROM "lab"."settings" AS t1
LEFT JOIN (
    SELECT t2."rig" AS "rig", t2."name" AS "name", TRUE AS "(matched)"
    FROM "lab"."rig" AS t2
) AS t3 ON TRUE
GROUP BY t1."volume"
;
