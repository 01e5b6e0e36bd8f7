-- By which stores know the database that they belong to. A restored database has the id of the saved one, unless both go
-- on; one that was saved before it had an id gets the same in each place.
CREATE TABLE levada.database (
    id uuid NOT NULL,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO levada.database (id)
SELECT md5(extract(epoch FROM apply_time)::text)::uuid FROM levada.migration WHERE number = 1;
