-- What came of requests that carry an id, so that a repeated one has one effect. A partition for each day, dropped whole.
CREATE TABLE levada.request_outcome (
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    method text NOT NULL,
    content jsonb,  -- NULL: whoever asked gave it up, and it must not come to be done any more
    PRIMARY KEY (id, day)
) PARTITION BY RANGE (day);

-- For days that nobody prepared.
CREATE TABLE levada.request_outcome_other PARTITION OF levada.request_outcome DEFAULT;
