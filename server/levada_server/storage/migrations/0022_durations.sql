-- Spans of time as attributes, microseconds in a bigint, and as text.

-- [-][days ]h:mm[:ss[.ffffff]]; NULL for another text, or past the longest span.
CREATE FUNCTION levada_functions.read_span(x text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := regexp_match(x,
        '^\s*(-)?(?:(\d{1,8})\s+)?(\d{1,10}):([0-5]?\d)(?::([0-5]?\d)(?:\.(\d{1,6}))?)?\s*$');
    whole numeric;
BEGIN
    whole := (((coalesce(parts[2], '0')::numeric * 24 + parts[3]::numeric) * 60 + parts[4]::numeric) * 60
        + coalesce(parts[5], '0')::numeric) * 1000000 + rpad(coalesce(parts[6], '0'), 6, '0')::numeric;
    IF whole > 9223372022400000000 THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN parts[1] IS NULL THEN whole ELSE -whole END;
END $$;

-- Also the time of day of a datetime.
CREATE OR REPLACE FUNCTION levada_functions.to_span(x text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(levada_functions.read_span(x),
        levada_functions.since_midnight(levada_functions.to_moment(x)));

-- As PostgreSQL writes times of day, with as many hours as there are.
CREATE FUNCTION levada_functions.span_text(x bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x < 0 THEN '-' ELSE '' END
        || CASE WHEN abs(x) < 36000000000 THEN '0' ELSE '' END || abs(x) / 3600000000
        || ':' || lpad((abs(x) / 60000000 % 60)::text, 2, '0')
        || ':' || lpad((abs(x) / 1000000 % 60)::text, 2, '0')
        || rtrim(rtrim('.' || lpad((abs(x) % 1000000)::text, 6, '0'), '0'), '.');

CREATE FUNCTION levada_functions.joined_spans(x bigint[], separator text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT string_agg(levada_functions.span_text(span), separator ORDER BY place)
            FROM unnest(x) WITH ORDINALITY AS spans (span, place));
