-- The successful jobs of a table in the order of how long they took.

DO $$
DECLARE
    jobs text;
BEGIN
    FOR jobs IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        EXECUTE format('CREATE INDEX %I ON levada_jobs.%I (_duration) WHERE _state = ''success''',
                       jobs || '_duration', jobs);
    END LOOP;
END
$$;
