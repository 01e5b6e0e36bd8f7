-- name: role
SELECT current_user;

-- name: schemas
SELECT name FROM levada.schema ORDER BY name;

-- name: audit_parts
-- The audit and its months.
SELECT 'levada.audit' AS name UNION ALL
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'levada.audit'::regclass;

-- name: let_in
-- The second half holds for what the owner makes later.
GRANT USAGE ON SCHEMA {schemas} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE{maintain} ON ALL TABLES IN SCHEMA {schemas} TO {role};
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schemas} TO {role};
REVOKE ALL ON {parts} FROM {role};
GRANT SELECT, INSERT ON levada.audit TO {role};
REVOKE INSERT, UPDATE, DELETE ON levada.migration FROM {role};
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {role};
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE{maintain} ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {role};
