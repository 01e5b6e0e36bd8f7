-- The rows of a table may belong to teams: an attribute of each row names its team. Whoever is in no such team may not
-- change the row; where the rows are hidden, not read it either.
ALTER TABLE levada.table
    ADD COLUMN owner_attribute_id bigint REFERENCES levada.attribute ON DELETE SET NULL,
    ADD COLUMN rows_hidden boolean NOT NULL DEFAULT false;
CREATE INDEX table_owner_attribute ON levada.table (owner_attribute_id);
