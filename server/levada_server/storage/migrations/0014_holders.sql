-- Who may read an object: whoever may fetch from a table whose rows name it, and whoever put it there. Tables that were
-- dropped stay here as ids that no table has again, so that a claim waits for no declaration.
CREATE TABLE levada.object_table (
    object_id uuid NOT NULL REFERENCES levada.object ON DELETE CASCADE,
    table_id bigint NOT NULL,
    PRIMARY KEY (object_id, table_id)
);

-- The users who put it there, each by a token. Administrators at the private socket need no record.
CREATE TABLE levada.object_user (
    object_id uuid NOT NULL REFERENCES levada.object ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES levada.user ON DELETE CASCADE,
    token_id uuid NOT NULL,
    PRIMARY KEY (object_id, user_id, token_id)
);

-- The objects that rows name already.
DO $body$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT s.name AS schema, t.stored_name AS stored, t.id, a.name
        FROM levada.attribute a
        JOIN levada.table t ON t.id = a.table_id
        JOIN levada.schema s ON s.id = t.schema_id
        JOIN information_schema.columns c
            ON c.table_schema = s.name AND c.table_name = t.stored_name AND c.column_name = a.name
        WHERE a.type LIKE '<%@%>' AND c.data_type = 'jsonb'
    LOOP
        EXECUTE format(
            'INSERT INTO levada.object_table (object_id, table_id) SELECT DISTINCT o.id, %s::bigint '
            'FROM %I.%I AS t JOIN levada.object AS o ON o.id::text = t.%I ->> ''id'' ON CONFLICT DO NOTHING',
            named.id, named.schema, named.stored, named.name
        );
    END LOOP;
END
$body$;

-- A worker session ends with the token that began it.
ALTER TABLE levada.worker_session ADD COLUMN token_id uuid;
