-- Which attributes of the primary key a class's own key source gives; NULL where the source is the join of the parents.
ALTER TABLE levada.table ADD COLUMN source_key text[];
