-- Every definition that a table had, the current one included.

CREATE TABLE levada.definition_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES levada.table ON DELETE CASCADE,
    definition text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX definition_history_table ON levada.definition_history (table_id);

INSERT INTO levada.definition_history (table_id, definition, create_time)
SELECT id, definition, create_time FROM levada.table ORDER BY id;
