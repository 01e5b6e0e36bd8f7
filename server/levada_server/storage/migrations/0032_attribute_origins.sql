-- Deleting an attribute looks for the ones that have it as their origin, which read all attributes of all tables.
CREATE INDEX attribute_origin ON levada.attribute (origin_id);
