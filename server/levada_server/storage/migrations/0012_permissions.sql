-- Users, their tokens, teams, and grants of roles. Every change raises the version, by which each server knows that it must
-- read them again.
CREATE TABLE levada.permissions_version (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL
);
INSERT INTO levada.permissions_version (version) VALUES (1);

CREATE TABLE levada.user (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    administrator boolean NOT NULL DEFAULT false,
    prefixes text[] NOT NULL DEFAULT '{}',
    subject text COLLATE "C" UNIQUE,  -- at the issuer of identities, as `issuer subject`
    create_time timestamptz NOT NULL DEFAULT now(),
    disable_time timestamptz
);

CREATE TABLE levada.team (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE levada.team_member (
    team_id bigint NOT NULL REFERENCES levada.team ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES levada.user ON DELETE CASCADE,
    PRIMARY KEY (team_id, user_id)
);

-- The token itself is nowhere: whoever reads this table cannot call with it.
CREATE TABLE levada.token (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id bigint NOT NULL REFERENCES levada.user ON DELETE CASCADE,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    label text NOT NULL DEFAULT '',
    scoped boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz,
    revoke_time timestamptz
);
CREATE INDEX token_user ON levada.token (user_id);

-- Written now and then, and no change of permissions.
CREATE TABLE levada.token_use (
    token_id uuid PRIMARY KEY REFERENCES levada.token ON DELETE CASCADE,
    use_time timestamptz NOT NULL
);

-- A role for a user, for a team, or, as the most that it allows, for a token.
CREATE TABLE levada.grant (
    user_id bigint REFERENCES levada.user ON DELETE CASCADE,
    team_id bigint REFERENCES levada.team ON DELETE CASCADE,
    token_id uuid REFERENCES levada.token ON DELETE CASCADE,
    role text NOT NULL,
    schema_id bigint NOT NULL REFERENCES levada.schema ON DELETE CASCADE,
    table_id bigint REFERENCES levada.table ON DELETE CASCADE,
    create_time timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, team_id, token_id) = 1),
    UNIQUE NULLS NOT DISTINCT (user_id, team_id, token_id, schema_id, table_id, role)
);
CREATE INDEX grant_schema ON levada.grant (schema_id);
CREATE INDEX grant_table ON levada.grant (table_id);

CREATE FUNCTION levada.raise_permissions_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE levada.permissions_version SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER permissions_version AFTER INSERT OR UPDATE OR DELETE ON levada.user
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();
CREATE TRIGGER permissions_version AFTER INSERT OR UPDATE OR DELETE ON levada.team
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();
CREATE TRIGGER permissions_version AFTER INSERT OR UPDATE OR DELETE ON levada.team_member
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();
CREATE TRIGGER permissions_version AFTER INSERT OR UPDATE OR DELETE ON levada.token
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();
CREATE TRIGGER permissions_version AFTER INSERT OR UPDATE OR DELETE ON levada.grant
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();
-- Grants name schemas, so a schema's new name is a change too.
CREATE TRIGGER permissions_version AFTER UPDATE ON levada.schema
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();

-- Ids that carry a right belong to the user who got them; NULL: an administrator at the private socket.
ALTER TABLE levada.worker_session ADD COLUMN user_id bigint REFERENCES levada.user ON DELETE CASCADE;

-- The ids of requests belong to users too: `id/user`.
ALTER TABLE levada.request_outcome
    DROP CONSTRAINT request_outcome_id_check1,  -- so named because 0008 made it beside the table of before
    ADD CONSTRAINT request_outcome_id_check CHECK (length(id) BETWEEN 1 AND 90);
