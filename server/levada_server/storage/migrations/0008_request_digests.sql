-- An id has one outcome for as long as outcomes are kept. In partitions it had one a day: a request that was repeated
-- after midnight was done twice. With the outcome lies a digest of what was asked, because an id with other content is a
-- mistake of the client.
ALTER TABLE levada.request_outcome RENAME TO request_outcome_by_day;

CREATE TABLE levada.request_outcome (
    id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    method text NOT NULL,
    digest bytea NOT NULL DEFAULT '',  -- empty: the content is not compared
    content jsonb  -- NULL: whoever asked gave it up, and it must not come to be done any more
);

INSERT INTO levada.request_outcome (id, day, method, content)
SELECT DISTINCT ON (id) id, day, method, content FROM levada.request_outcome_by_day ORDER BY id, day;
DROP TABLE levada.request_outcome_by_day;

ALTER TABLE levada.request_outcome ADD CONSTRAINT request_outcome_pkey PRIMARY KEY (id);

-- Rows come in the order of days, so that a few pages of this index find those of a day that is over.
CREATE INDEX request_outcome_day ON levada.request_outcome USING brin (day) WITH (autosummarize = on);
