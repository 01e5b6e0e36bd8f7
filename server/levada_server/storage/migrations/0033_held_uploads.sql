-- One call at a time, of all servers, commits an upload. It renews its hold while it works; the hold of a server that
-- died ends by itself.
ALTER TABLE levada.object ADD COLUMN holder uuid, ADD COLUMN hold_time timestamptz,
    ADD CHECK ((holder IS NULL) = (hold_time IS NULL));
