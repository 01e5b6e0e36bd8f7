-- At which version of the catalog each table was declared or altered last: a change of rows is made for some tables,
-- and declarations of others do not concern it.
ALTER TABLE levada.table ADD COLUMN version bigint NOT NULL DEFAULT 0;
CREATE INDEX table_version ON levada.table (version);

-- Whoever changes the catalog raises its version first, and holds it until the end of the transaction.
CREATE FUNCTION levada.set_table_version() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.version := (SELECT v.version FROM levada.catalog_version v);
    RETURN NEW;
END
$body$;
CREATE TRIGGER set_version BEFORE INSERT OR UPDATE ON levada.table
    FOR EACH ROW EXECUTE FUNCTION levada.set_table_version();

-- Name and contract of a schema are a part of what its tables are.
CREATE FUNCTION levada.set_version_of_tables() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE levada.table SET version = 0 WHERE schema_id = NEW.id;  -- the trigger above sets it
    RETURN NULL;
END
$body$;
CREATE TRIGGER set_version AFTER UPDATE ON levada.schema
    FOR EACH ROW EXECUTE FUNCTION levada.set_version_of_tables();

-- Whether some tables are what they were at a version of the catalog. Another table may have the name of one that was
-- dropped. What deletes rows has to know of new references to its tables too.
CREATE FUNCTION levada.unchanged(since bigint, ids bigint[], names text[], with_children boolean) RETURNS boolean
    LANGUAGE sql STABLE AS $body$
SELECT NOT EXISTS (
    SELECT FROM levada.table t JOIN levada.schema s ON s.id = t.schema_id
    WHERE t.version > since AND (
        t.id = ANY (ids)
        OR s.name || '.' || t.stored_name = ANY (names)
        OR with_children AND EXISTS (
            SELECT FROM levada.foreign_key k WHERE k.table_id = t.id AND k.parent_id = ANY (ids)
        )
    )
)
$body$;
