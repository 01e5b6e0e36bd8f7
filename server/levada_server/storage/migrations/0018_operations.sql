-- The backups that `levada backup` made or tried to make. `trouble` is empty for one that is complete.
CREATE TABLE levada.backup (
    end_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    trouble text NOT NULL
);

-- Up to which moment the troubles are known, and when somebody was last told. One row, which is locked by the server that
-- looks.
CREATE TABLE levada.alert_state (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    seen_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    told_time timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO levada.alert_state DEFAULT VALUES;

-- Messages that are still to be sent, each over one channel. `next_time` is also the end of a server's right to send it.
CREATE TABLE levada.alert (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    message text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt integer NOT NULL DEFAULT 0
);

-- Failed jobs are few, and are looked for often.
DO $$
DECLARE
    jobs record;
BEGIN
    FOR jobs IN SELECT c.oid::regclass AS name, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        EXECUTE format('CREATE INDEX %I ON %s (_finished_time) WHERE _state = ''error''', jobs.relname || '_error', jobs.name);
    END LOOP;
END
$$;
