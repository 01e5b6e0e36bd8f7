-- The search for new rows of a table: who is at it, when it begins again, and how it last ended.
CREATE TABLE levada.discovery (
    table_id bigint PRIMARY KEY REFERENCES levada.table ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'reserved', 'success', 'error')),
    scheduled_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt integer NOT NULL DEFAULT 0,
    lease_token uuid,
    session_id uuid,
    user_id bigint,
    host text,
    pid bigint,
    username text,
    reserved_time timestamptz,
    finished_time timestamptz,
    duration interval,
    period interval,
    row_count bigint NOT NULL DEFAULT 0,
    total_row_count bigint NOT NULL DEFAULT 0,
    error_type text,
    error_message text,
    error_stack text,
    CHECK (state = 'pending' OR num_nulls(lease_token, session_id, host, pid, username, reserved_time, period) = 0),
    CHECK ((state = 'error') = (error_type IS NOT NULL))
);
