-- An object keeps every store in which it lay, or for which it stands in: attributes of all of them take it.
ALTER TABLE levada.object ALTER COLUMN made_for TYPE text[] COLLATE "C"
    USING CASE WHEN made_for IS NULL THEN '{}' ELSE ARRAY[made_for] END;
ALTER TABLE levada.object ALTER COLUMN made_for SET DEFAULT '{}', ALTER COLUMN made_for SET NOT NULL;
