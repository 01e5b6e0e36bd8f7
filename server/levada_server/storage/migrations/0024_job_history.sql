-- The finished jobs of a table in the order of time, and the memory of workers.

ALTER TABLE levada.worker_session ADD COLUMN memory_bytes bigint;

DO $$
DECLARE
    jobs text;
BEGIN
    FOR jobs IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        EXECUTE format('CREATE INDEX %I ON levada_jobs.%I (_finished_time) WHERE _state = ''success''',
                       jobs || '_success', jobs);
    END LOOP;
END
$$;

-- The numbers of the tables, among some tables of jobs, of which workers hold jobs. PostgreSQL plans hundreds of small
-- looks sooner than one large one.
CREATE FUNCTION levada_functions.held_tables(tables regclass[]) RETURNS SETOF integer
    LANGUAGE plpgsql STABLE AS $body$
DECLARE
    held boolean;
BEGIN
    FOR i IN 1 .. cardinality(tables) LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE _state = ''reserved'')', tables[i]) INTO held;
        IF held THEN
            RETURN NEXT i - 1;
        END IF;
    END LOOP;
END
$body$;
