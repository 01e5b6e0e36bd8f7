-- What a job printed.

DO $$
DECLARE
    jobs regclass;
BEGIN
    FOR jobs IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN _output text', jobs);
    END LOOP;
END
$$;
