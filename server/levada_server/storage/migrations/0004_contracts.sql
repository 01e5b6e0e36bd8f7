-- Make contracts, retry policies, cancelled leases, and what jobs read and write.

ALTER TABLE levada.schema ADD COLUMN make_contract text NOT NULL DEFAULT 'warn'
    CHECK (make_contract IN ('off', 'warn', 'on'));
ALTER TABLE levada.table
    ADD COLUMN max_attempts integer CHECK (max_attempts >= 1),
    ADD COLUMN retry_delay interval NOT NULL DEFAULT interval '10 s';

-- Signs leases and receipts, so that any replica can check them. 244 random bits.
CREATE TABLE levada.signing_key (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    secret bytea NOT NULL
);
INSERT INTO levada.signing_key (secret)
VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- Leases whose holders are told to stop with each renewal of their session.
CREATE TABLE levada.cancelled_lease (
    session_id uuid NOT NULL REFERENCES levada.worker_session ON DELETE CASCADE,
    lease_token text NOT NULL,
    PRIMARY KEY (session_id, lease_token)
);

DO $$
DECLARE
    jobs regclass;
BEGIN
    FOR jobs IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'levada_jobs' AND c.relkind = 'r'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN _reads jsonb, ADD COLUMN _writes jsonb, '
                       'ADD COLUMN _shared boolean NOT NULL DEFAULT false, ADD COLUMN _failed_token uuid', jobs);
    END LOOP;
END
$$;
