-- Browsers that show the dashboard. The codes and the secrets of sessions themselves are nowhere.
-- Without a user, they are of an administrator at the private socket.
CREATE TABLE levada.browser_code (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    user_id bigint REFERENCES levada.user ON DELETE CASCADE,
    token_id uuid REFERENCES levada.token ON DELETE CASCADE,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    expire_time timestamptz NOT NULL
);
CREATE INDEX browser_code_user ON levada.browser_code (user_id);
CREATE INDEX browser_code_token ON levada.browser_code (token_id);

CREATE TABLE levada.browser_session (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    user_id bigint REFERENCES levada.user ON DELETE CASCADE,
    token_id uuid REFERENCES levada.token ON DELETE CASCADE,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    expire_time timestamptz NOT NULL
);
CREATE INDEX browser_session_user ON levada.browser_session (user_id);
CREATE INDEX browser_session_token ON levada.browser_session (token_id);
CREATE TRIGGER permissions_version AFTER INSERT OR UPDATE OR DELETE ON levada.browser_session
    FOR EACH STATEMENT EXECUTE FUNCTION levada.raise_permissions_version();
