-- A token with scopes has only the recordings that it began; NULL: begun by another one.
ALTER TABLE levada.recording ADD COLUMN token_id uuid;

-- The lease of a discovery is of use only to the token that got it.
ALTER TABLE levada.discovery ADD COLUMN token_id uuid;
