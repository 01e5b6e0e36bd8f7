-- The next objects to remove are found by their id.
DROP INDEX levada.object_unfinished;
CREATE INDEX object_unfinished ON levada.object (state, id) WHERE state <> 'whole';
