-- The user with whose rights a table's own key source is read; NULL: an administrator at the private socket.
ALTER TABLE levada.table ADD COLUMN definer_id bigint REFERENCES levada.user;
