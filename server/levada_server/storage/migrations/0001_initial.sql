-- The catalog: schemas, tables, attributes, references; and who computes.
-- Tables and attributes have ids, to which lineage, jobs and constraints refer, so that a rename breaks nothing.

CREATE SCHEMA levada_jobs;

CREATE TABLE levada.catalog_version (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL
);
INSERT INTO levada.catalog_version (version) VALUES (1);

CREATE TABLE levada.schema (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    create_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE levada.table (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema_id bigint NOT NULL REFERENCES levada.schema ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    stored_name text COLLATE "C" NOT NULL,
    tier text NOT NULL,
    comment text NOT NULL,
    has_make boolean NOT NULL,
    key_source bytea,
    definition text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    UNIQUE (schema_id, name),
    UNIQUE (schema_id, stored_name)
);

-- The origin of an attribute is the attribute in which its meaning began: itself for a native attribute of a key.
CREATE TABLE levada.attribute (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES levada.table ON DELETE CASCADE,
    position integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    type text NOT NULL,
    primary_key boolean NOT NULL,
    nullable boolean NOT NULL,
    default_text text,
    default_quoted boolean NOT NULL,
    auto_increment boolean NOT NULL,
    comment text NOT NULL,
    origin_id bigint REFERENCES levada.attribute,
    UNIQUE (table_id, name)
);

CREATE TABLE levada.foreign_key (
    table_id bigint NOT NULL REFERENCES levada.table ON DELETE CASCADE,
    position integer NOT NULL,
    parent_id bigint NOT NULL REFERENCES levada.table,
    child_names text[] NOT NULL,
    parent_names text[] NOT NULL,
    primary_key boolean NOT NULL,
    nullable boolean NOT NULL,
    is_unique boolean NOT NULL,
    comment text NOT NULL,
    PRIMARY KEY (table_id, position)
);
CREATE INDEX foreign_key_parent ON levada.foreign_key (parent_id);

CREATE TABLE levada.index (
    table_id bigint NOT NULL REFERENCES levada.table ON DELETE CASCADE,
    position integer NOT NULL,
    expressions text[] NOT NULL,
    is_unique boolean NOT NULL,
    PRIMARY KEY (table_id, position)
);

-- A worker holds its jobs as long as it renews its session; the clock is this database's.
CREATE TABLE levada.worker_session (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host text NOT NULL,
    pid bigint NOT NULL,
    username text NOT NULL,
    code_version text NOT NULL,
    lease_duration interval NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    expire_time timestamptz NOT NULL
);
CREATE INDEX worker_session_expire_time ON levada.worker_session (expire_time);
