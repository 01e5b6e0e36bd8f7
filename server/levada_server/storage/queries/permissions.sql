-- name: read_version
SELECT version FROM levada.permissions_version;

-- name: read_users
SELECT u.id, u.name, u.administrator, u.prefixes,
    ARRAY(SELECT m.team_id FROM levada.team_member m WHERE m.user_id = u.id) AS teams
FROM levada.user u WHERE u.disable_time IS NULL;

-- name: read_tokens
-- Also those that expired a while ago: a call that has begun goes on, unless its token is revoked, too.
SELECT t.id, t.user_id, t.digest, t.scoped, t.expire_time
FROM levada.token t JOIN levada.user u ON u.id = t.user_id
WHERE t.revoke_time IS NULL AND (t.expire_time IS NULL OR t.expire_time > now() - $1::interval) AND u.disable_time IS NULL;

-- name: read_grants
SELECT g.user_id, g.team_id, g.token_id, g.role, s.name AS schema, g.table_id
FROM levada.grant g JOIN levada.schema s ON s.id = g.schema_id;

-- name: read_teams
SELECT id, name FROM levada.team;

-- name: list_users
SELECT u.name, u.administrator, u.prefixes, u.disable_time IS NOT NULL AS disabled, u.create_time,
    ARRAY(
        SELECT t.name FROM levada.team t JOIN levada.team_member m ON m.team_id = t.id
        WHERE m.user_id = u.id ORDER BY t.name
    ) AS teams
FROM levada.user u WHERE $1::text IS NULL OR u.name = $1 ORDER BY u.name;

-- name: insert_user
INSERT INTO levada.user (name, administrator, prefixes) VALUES ($1, $2, $3);

-- name: update_user
UPDATE levada.user SET
    administrator = coalesce($2, administrator),
    prefixes = coalesce($3::text[], prefixes),
    disable_time = CASE WHEN $4::boolean THEN coalesce(disable_time, now()) WHEN $4 IS NULL THEN disable_time END,
    subject = CASE WHEN NOT $5::boolean THEN subject END
WHERE name = $1 RETURNING id;

-- name: end_sessions_of
-- Their jobs can be reserved by others at once.
DELETE FROM levada.worker_session WHERE user_id = $1;

-- name: find_user
SELECT id FROM levada.user WHERE name = $1;

-- name: find_account
SELECT id, name, disable_time IS NOT NULL AS disabled FROM levada.user WHERE subject = $1;

-- name: claim_user
-- The first account of a name becomes its user; no later one does.
UPDATE levada.user SET subject = $2 WHERE name = $1 AND subject IS NULL
RETURNING id, name, disable_time IS NOT NULL AS disabled;

-- name: add_user
INSERT INTO levada.user (name) VALUES ($1) ON CONFLICT (name) DO NOTHING;

-- name: insert_team
INSERT INTO levada.team (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id;

-- name: delete_team
DELETE FROM levada.team WHERE name = $1;

-- name: find_team
SELECT id FROM levada.team WHERE name = $1;

-- name: set_members
WITH gone AS (DELETE FROM levada.team_member WHERE team_id = $1 AND NOT user_id = ANY ($2::bigint[]))
INSERT INTO levada.team_member (team_id, user_id) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING;

-- name: insert_token
INSERT INTO levada.token (user_id, digest, label, scoped, expire_time)
VALUES ($1, $2, $3, $4, CASE WHEN $5::interval IS NOT NULL THEN now() + $5 END)
RETURNING id;

-- name: list_tokens
-- Valid ones: all, those of a user, or one.
SELECT t.id, u.name AS user, t.label, t.create_time, t.expire_time, t.scoped, used.use_time
FROM levada.token t
JOIN levada.user u ON u.id = t.user_id
LEFT JOIN levada.token_use used ON used.token_id = t.id
WHERE t.revoke_time IS NULL AND (t.expire_time IS NULL OR t.expire_time > now()) AND u.disable_time IS NULL
    AND ($1::bigint IS NULL OR t.user_id = $1) AND ($2::uuid IS NULL OR t.id = $2)
ORDER BY t.id;

-- name: list_scopes
SELECT g.token_id, g.role, s.name AS schema, coalesce(t.name, '') AS table
FROM levada.grant g JOIN levada.schema s ON s.id = g.schema_id LEFT JOIN levada.table t ON t.id = g.table_id
WHERE g.token_id = ANY ($1::uuid[]) ORDER BY s.name, t.name, g.role;

-- name: revoke_tokens
-- All, those of a user, or one, with the worker sessions, the uploads and the sessions of browsers that they began; with all
-- of them also every browser of administrators at the private socket. Returns their number.
WITH revoked AS (
    UPDATE levada.token SET revoke_time = now()
    WHERE revoke_time IS NULL AND ($1::bigint IS NULL OR user_id = $1) AND ($2::uuid IS NULL OR id = $2)
    RETURNING id
), ended AS (
    DELETE FROM levada.worker_session WHERE token_id IN (SELECT id FROM revoked)
), dropped AS (
    DELETE FROM levada.object_user AS u USING levada.object AS o
    WHERE u.token_id IN (SELECT id FROM revoked) AND o.id = u.object_id AND o.state = 'uploading'
), signed_out AS (
    DELETE FROM levada.browser_session
    WHERE token_id IN (SELECT id FROM revoked) OR ($1::bigint IS NULL AND $2::uuid IS NULL)
)
SELECT count(*) FROM revoked;

-- name: note_use
INSERT INTO levada.token_use (token_id, use_time)
SELECT id, time FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, time)
WHERE EXISTS (SELECT FROM levada.token t WHERE t.id = used.id)
ON CONFLICT (token_id) DO UPDATE SET use_time = greatest(levada.token_use.use_time, excluded.use_time);

-- name: insert_grant
INSERT INTO levada.grant (user_id, team_id, token_id, role, schema_id, table_id)
SELECT $1, $2, $3, $4, s.id, $6 FROM levada.schema s WHERE s.name = $5
ON CONFLICT DO NOTHING;

-- name: delete_grant
DELETE FROM levada.grant g USING levada.schema s
WHERE s.id = g.schema_id AND s.name = $4 AND g.user_id IS NOT DISTINCT FROM $1 AND g.team_id IS NOT DISTINCT FROM $2
    AND g.token_id IS NULL AND g.role = $3 AND g.table_id IS NOT DISTINCT FROM $5;

-- name: list_grants
-- On a schema; or those of a user and the user's teams.
SELECT coalesce(u.name, 'team:' || m.name) AS grantee, g.role, s.name AS schema, coalesce(t.name, '') AS table, g.create_time
FROM levada.grant g
JOIN levada.schema s ON s.id = g.schema_id
LEFT JOIN levada.table t ON t.id = g.table_id
LEFT JOIN levada.user u ON u.id = g.user_id
LEFT JOIN levada.team m ON m.id = g.team_id
WHERE g.token_id IS NULL AND ($1::text IS NULL OR s.name = $1)
    AND ($2::bigint IS NULL OR g.user_id = $2
        OR g.team_id IN (SELECT team_id FROM levada.team_member WHERE user_id = $2))
ORDER BY s.name, t.name NULLS FIRST, grantee, g.role;

-- name: read_browser_sessions
SELECT b.id, b.digest, b.user_id, b.token_id, b.expire_time
FROM levada.browser_session b
LEFT JOIN levada.user u ON u.id = b.user_id
LEFT JOIN levada.token t ON t.id = b.token_id
WHERE b.expire_time > now() - $1::interval AND u.disable_time IS NULL AND t.revoke_time IS NULL;

-- name: prune_codes
-- Expired ones, and all but the newest of one user by one token.
DELETE FROM levada.browser_code WHERE expire_time <= now() OR digest IN (
    SELECT digest FROM levada.browser_code
    WHERE user_id IS NOT DISTINCT FROM $1 AND token_id IS NOT DISTINCT FROM $2 ORDER BY create_time DESC OFFSET $3
);

-- name: insert_code
INSERT INTO levada.browser_code (digest, user_id, token_id, expire_time) VALUES ($1, $2, $3, now() + $4::interval);

-- name: take_code
-- Whoever deletes it has it: it counts once, on whichever server.
DELETE FROM levada.browser_code WHERE digest = $1 RETURNING user_id, token_id, expire_time > now() AS valid;

-- name: prune_browser_sessions
-- Those that expired long ago; and what is too much of one user's together with a new one: of one token, all but the newest, and of all
-- tokens, the oldest of whichever has the most. So no token signs out another that has fewer.
WITH placed AS (
    SELECT b.id, b.create_time, own, own::int + row_number() OVER (PARTITION BY b.token_id ORDER BY b.create_time DESC) AS place
    FROM levada.browser_session b CROSS JOIN LATERAL (SELECT b.token_id IS NOT DISTINCT FROM $2 AS own) AS o
    WHERE b.user_id IS NOT DISTINCT FROM $1 AND b.expire_time > now()
)
DELETE FROM levada.browser_session WHERE expire_time <= now() - $5::interval
    OR id IN (SELECT id FROM placed WHERE place > $3)
    OR id IN (SELECT id FROM placed ORDER BY place, own, create_time DESC OFFSET $4);

-- name: insert_browser_session
-- None for a user who was disabled, and for a token that has ended, since the code was made.
INSERT INTO levada.browser_session (digest, user_id, token_id, expire_time)
SELECT $1, $2, $3, least(now() + $4::interval, (SELECT t.expire_time FROM levada.token t WHERE t.id = $3))
WHERE NOT EXISTS (SELECT FROM levada.user u WHERE u.id = $2 AND u.disable_time IS NOT NULL)
    AND NOT EXISTS (SELECT FROM levada.token t WHERE t.id = $3
        AND (t.revoke_time IS NOT NULL OR t.expire_time <= now()))
RETURNING (SELECT u.name FROM levada.user u WHERE u.id = user_id) AS name;

-- name: delete_browser_session
DELETE FROM levada.browser_session WHERE id = $1;
