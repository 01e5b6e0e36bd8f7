-- The names that tables and attributes had before they were renamed: reads on record and paths of uploads say them still.
CREATE TABLE levada.former_table_name (
    table_id bigint NOT NULL REFERENCES levada.table ON DELETE CASCADE,
    schema_name text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (table_id, schema_name, name)
);

CREATE TABLE levada.former_attribute_name (
    attribute_id bigint NOT NULL REFERENCES levada.attribute ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (attribute_id, name)
);
