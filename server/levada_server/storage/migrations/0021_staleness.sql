-- What is needed to say whether a result is still true.

-- Which transactions changed which table: one row for each pair. A result is compared with its inputs again only if one
-- of them was changed by a transaction that may have committed after they were last looked at. Older rows are merged.
CREATE TABLE levada.table_change (
    table_id bigint NOT NULL,
    xid xid8 NOT NULL,
    PRIMARY KEY (table_id, xid)
);

CREATE FUNCTION levada.note_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO levada.table_change (table_id, xid) VALUES (TG_ARGV[0]::bigint, pg_current_xact_id())
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;

DO $$
DECLARE
    changed record;
BEGIN
    FOR changed IN SELECT t.id, s.name, t.stored_name FROM levada.table t JOIN levada.schema s ON s.id = t.schema_id
    LOOP
        EXECUTE format('CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION levada.note_change(%s)',
                       changed.name, changed.stored_name, changed.id);
    END LOOP;
END
$$;

-- An altered table may have other values, and no trigger on rows tells of it.
CREATE FUNCTION levada.note_alteration() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO levada.table_change (table_id, xid) VALUES (coalesce(NEW.id, OLD.id), pg_current_xact_id())
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
CREATE TRIGGER note_alteration AFTER UPDATE OR DELETE ON levada.table
    FOR EACH ROW EXECUTE FUNCTION levada.note_alteration();

-- Python and the packages that a worker had.
CREATE TABLE levada.environment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text NOT NULL UNIQUE,
    content jsonb NOT NULL
);
ALTER TABLE levada.worker_session ADD COLUMN environment_id bigint REFERENCES levada.environment;

-- Reads of jobs that differ only in values and results.
CREATE TABLE levada.read_shape (
    key text PRIMARY KEY,
    content jsonb NOT NULL
);

-- The version of the code was a commit, or a digest of the class alone, neither of which can be compared.
DO $$
DECLARE
    jobs regclass;
BEGIN
    FOR jobs IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN _code_commit text, ADD COLUMN _environment_id bigint, '
                       'ADD COLUMN _inputs jsonb, ADD COLUMN _input_tables bigint[], ADD COLUMN _changed bigint[], '
                       'ADD COLUMN _horizon xid8 NOT NULL DEFAULT ''0''', jobs);
        EXECUTE format('UPDATE %s SET _code_version = NULL, _code_commit = substr(_code_version, 5) '
                       'WHERE _code_version LIKE ''git:%%''', jobs);
        EXECUTE format('UPDATE %s SET _code_version = NULL WHERE _code_version IS NOT NULL', jobs);
    END LOOP;
END
$$;

-- The names of tables, of those that have one here.
CREATE FUNCTION levada_functions.names_of(ids bigint[], known bigint[], names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
SELECT string_agg(coalesce(k.name, 'a table that is gone'), ', ' ORDER BY k.name)
FROM unnest(ids) AS i(id) LEFT JOIN unnest(known, names) AS k(id, name) ON k.id = i.id
$body$;
