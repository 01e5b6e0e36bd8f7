-- What users read, kept under names of their own; NULL: an administrator at the private socket.
CREATE TABLE levada.recording (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint REFERENCES levada.user ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE NULLS NOT DISTINCT (user_id, name)
);

-- Each different read once, by the digest of its relation and kind.
CREATE TABLE levada.recorded_read (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording_id bigint NOT NULL REFERENCES levada.recording ON DELETE CASCADE,
    key bytea NOT NULL,
    relation bytea NOT NULL,
    kind text NOT NULL,
    digest text NOT NULL,
    first_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    read_count bigint NOT NULL DEFAULT 1,
    UNIQUE (recording_id, key)
);
