-- One row for each call that changed something, that was refused, or that read a confidential schema. A row of a change is
-- written in the transaction of the change. Partitions are months, in UTC, and are dropped whole. A constraint or an index
-- would make every change slower; `id` distinguishes rows of one time.
CREATE SEQUENCE levada.audit_id CACHE 32;

CREATE TABLE levada.audit (
    time timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    id bigint NOT NULL DEFAULT nextval('levada.audit_id'),
    username text COLLATE "C" NOT NULL,
    token uuid,
    address text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL DEFAULT 'OK',
    subject text COLLATE "C" NOT NULL,
    row_count bigint NOT NULL,
    details jsonb
) PARTITION BY RANGE (time);

-- For months that nobody prepared, so that no change fails for want of a partition.
CREATE TABLE levada.audit_other PARTITION OF levada.audit DEFAULT;

-- For each statement, which costs an insert nothing.
CREATE FUNCTION levada.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON levada.audit
    FOR EACH STATEMENT EXECUTE FUNCTION levada.refuse_change();

-- Make the partitions of this month and the next, drop those that ended more than `months` ago, and protect the others.
-- Gives up rather than keep writers waiting for a lock.
CREATE FUNCTION levada.keep_audit(months integer) RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    month timestamp;
    part regclass;
    ends timestamp;
BEGIN
    FOR month IN SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i) FROM generate_series(0, 1) AS i
    LOOP
        CONTINUE WHEN to_regclass(to_char(month, '"levada.audit_"YYYY_MM')) IS NOT NULL;
        IF EXISTS (SELECT FROM levada.audit_other WHERE time >= month AND time < month + interval '1 month') THEN
            ALTER TABLE levada.audit DETACH PARTITION levada.audit_other;
            ALTER TABLE levada.audit_other RENAME TO audit_moved;
            CREATE TABLE levada.audit_other PARTITION OF levada.audit DEFAULT;
        END IF;
        EXECUTE format(
            'CREATE TABLE levada.%I PARTITION OF levada.audit FOR VALUES FROM (%L) TO (%L)',
            to_char(month, '"audit_"YYYY_MM'), month, month + interval '1 month'
        );
        IF to_regclass('levada.audit_moved') IS NOT NULL THEN
            INSERT INTO levada.audit SELECT * FROM levada.audit_moved;
            DROP TABLE levada.audit_moved;
        END IF;
    END LOOP;
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'levada.audit'::regclass
    LOOP
        ends := substring(pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = part), part) FROM 'TO \(''([^'']+)''\)');
        IF ends <= now() AT TIME ZONE 'UTC' - make_interval(months => months) THEN
            EXECUTE format('DROP TABLE %s', part);
        ELSIF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = part AND tgname = 'append_only') THEN
            EXECUTE format(
                'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
                'FOR EACH STATEMENT EXECUTE FUNCTION levada.refuse_change()', part
            );
        END IF;
    END LOOP;
END $$;
SELECT levada.keep_audit(1);

-- The audit also tells who reads the tables of a confidential schema.
ALTER TABLE levada.schema ADD COLUMN confidential boolean NOT NULL DEFAULT false;
