-- Jobs are counted by the index of their state, and their durations are read from it.

DO $$
DECLARE
    jobs text;
    state text;
BEGIN
    FOR jobs IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        FOREACH state IN ARRAY ARRAY['error', 'success'] LOOP
            EXECUTE format('DROP INDEX IF EXISTS levada_jobs.%I', jobs || '_' || state);
            EXECUTE format('CREATE INDEX %I ON levada_jobs.%I (_finished_time) INCLUDE (_duration) WHERE _state = %L',
                           jobs || '_' || state, jobs, state);
        END LOOP;
        EXECUTE format('CREATE INDEX %I ON levada_jobs.%I (_job_id) WHERE _state = ''ignored''',
                       jobs || '_ignored', jobs);
        EXECUTE format('CREATE INDEX %I ON levada_jobs.%I (_job_id) WHERE _state = ''pending'' AND _unready > 0',
                       jobs || '_unready', jobs);
    END LOOP;
END
$$;
