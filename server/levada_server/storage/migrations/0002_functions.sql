-- Functions of the expression language. None of them fails at run time: what cannot be computed is NULL, so that a
-- condition can be moved before or after another without a change of meaning.
-- Small ones are single expressions, which PostgreSQL writes into the query in place of the call. The order of the
-- branches of each CASE matters there: a bound value is a constant to the planner, which computes every branch that
-- the branches before it do not rule out.

CREATE SCHEMA levada_functions;

-- Whole numbers: a result past bigint is NULL.

CREATE FUNCTION levada_functions.to_integer(x numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN round(x) BETWEEN -9223372036854775808 AND 9223372036854775807 THEN x::bigint END;

CREATE FUNCTION levada_functions.to_integer(x double precision) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x >= -9223372036854775808::double precision AND x < 9223372036854775808::double precision
        THEN x::bigint END;

CREATE FUNCTION levada_functions.add(a bigint, b bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a::numeric + b::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN a + b END;

CREATE FUNCTION levada_functions.subtract(a bigint, b bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a::numeric - b::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN a - b END;

CREATE FUNCTION levada_functions.multiply(a bigint, b bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a::numeric * b::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN a * b END;

CREATE FUNCTION levada_functions.absolute(x bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x > -9223372036854775808 THEN abs(x) END;

CREATE FUNCTION levada_functions.within(x bigint, low bigint, high bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x BETWEEN low AND high THEN x END;

-- Decimals: rounded to `scale` digits after the point; NULL if that leaves more than `digits` digits in all.

CREATE FUNCTION levada_functions.to_decimal(x numeric, digits integer, scale integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(round(x, scale)) < power(10::numeric, digits - scale) THEN round(x, scale) END;

-- Floats: a result past the largest double is NULL, one below the smallest is 0. PostgreSQL raises an error for both.
-- Infinite and NaN operands never raise; NaN is greater than infinity.

CREATE FUNCTION levada_functions.to_float(x numeric) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) > 1.797693134862315e308 AND abs(x) < 'Infinity' THEN NULL
        WHEN abs(x) < 5e-324 THEN 0
        ELSE x::double precision END;

CREATE FUNCTION levada_functions.add(a double precision, b double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(a) < '8e307' AND abs(b) < '8e307' THEN a + b
        WHEN NOT abs(a) < 'Infinity' OR NOT abs(b) < 'Infinity' THEN a + b
        -- The largest double and half of its last digit, 2^970, is the least that rounds to infinity.
        WHEN sign(a) = sign(b) AND least(abs(a), abs(b))
            - ('1.7976931348623157e308' - greatest(abs(a), abs(b))) >= '9.97920154767359905828e291' THEN NULL
        ELSE a + b END;

CREATE FUNCTION levada_functions.multiply(a double precision, b double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(a) < '1e150' AND abs(b) < '1e150' AND abs(a) > '1e-150' AND abs(b) > '1e-150' THEN a * b
        WHEN a = 0 OR b = 0 OR NOT abs(a) < 'Infinity' OR NOT abs(b) < 'Infinity' THEN a * b
        -- Both are scaled by 2^-512, which is exact: the product reaches 2^1024 where the scaled one reaches 1.
        WHEN abs(a) > 1 AND abs(b) > 1
            AND (abs(a) * '7.458340731200207e-155') * (abs(b) * '7.458340731200207e-155') >= 1 THEN NULL
        WHEN abs(b) < 1 AND abs(a) < '5e-324' / abs(b) THEN 0
        ELSE a * b END;

CREATE FUNCTION levada_functions.divide(a double precision, b double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN b = 0 THEN NULL
        WHEN abs(a) < '1e150' AND abs(b) < '1e150' AND abs(a) > '1e-150' AND abs(b) > '1e-150' THEN a / b
        WHEN a = 0 OR NOT abs(a) < 'Infinity' OR NOT abs(b) < 'Infinity' THEN a / b
        -- The quotient reaches 2^1024 where the dividend reaches the divisor times 2^512 twice, which is exact.
        WHEN abs(b) < 1 AND abs(a) >= abs(b) * '1.3407807929942597e154' * '1.3407807929942597e154' THEN NULL
        WHEN abs(b) > 1 AND abs(a) < '5e-324' * abs(b) THEN 0
        ELSE a / b END;

-- The remainder of a division that rounds toward 0, exactly, as C's fmod: subtract doubled divisors, which is exact.
CREATE FUNCTION levada_functions.remainder(a double precision, b double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    rest double precision := abs(a);
    divisor double precision := abs(b);
    step double precision := abs(b);
BEGIN
    IF b = 0 THEN
        RETURN NULL;
    ELSIF NOT rest < 'Infinity' OR divisor = 'NaN' THEN
        RETURN 'NaN';
    ELSIF divisor = 'Infinity' THEN
        RETURN a;
    END IF;
    WHILE step <= rest - step LOOP
        step := step + step;
    END LOOP;
    LOOP
        IF rest >= step THEN
            rest := rest - step;
        END IF;
        EXIT WHEN step <= divisor;
        step := step / 2;
    END LOOP;
    RETURN CASE WHEN a < 0 THEN -rest ELSE rest END;
END $$;

CREATE FUNCTION levada_functions.power(x double precision, y double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    size double precision := abs(x);
    exponent double precision;
    root double precision;
BEGIN
    IF NOT size < 'Infinity' OR NOT abs(y) < 'Infinity' THEN
        -- Never raises, except for negative infinity to a fraction or a negative power of 0.
        IF x = 0 AND y < 0 THEN
            RETURN NULL;
        ELSIF x < 0 AND y <> floor(y) THEN
            RETURN CASE WHEN x = '-Infinity' THEN CASE WHEN y > 0 THEN 'Infinity' ELSE 0 END END;
        END IF;
        RETURN power(x, y);
    ELSIF x = 0 THEN
        RETURN CASE WHEN y < 0 THEN NULL WHEN y = 0 THEN 1 ELSE 0 END;
    ELSIF x < 0 AND y <> floor(y) THEN
        RETURN NULL;
    END IF;
    exponent := levada_functions.multiply(y, ln(size));
    IF exponent > 720 OR exponent IS NULL AND (y > 0) = (size > 1) THEN
        RETURN NULL;
    ELSIF exponent < -760 OR exponent IS NULL THEN
        RETURN 0;
    ELSIF abs(exponent) < 700 THEN
        RETURN power(x, y);
    END IF;
    root := power(size, y / 2);
    root := levada_functions.multiply(root, root);
    RETURN CASE WHEN x < 0 AND levada_functions.remainder(y, 2) <> 0 THEN -root ELSE root END;
END $$;

CREATE FUNCTION levada_functions.exp(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN NOT x < 'Infinity' THEN x
        WHEN x > '709.782712893384' THEN NULL
        WHEN x < '-745.13' THEN 0
        ELSE exp(x) END;

CREATE FUNCTION levada_functions.ln(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x > 0 THEN ln(x) END;

CREATE FUNCTION levada_functions.log10(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x > 0 THEN log(x) END;

CREATE FUNCTION levada_functions.sqrt(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x >= 0 THEN sqrt(x) END;

-- Round to a multiple of 1/unit, half to even. From 2^52/unit on, a double is such a multiple.
CREATE FUNCTION levada_functions.round_to_fraction(x double precision, unit double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < '4503599627370496' / unit THEN round(x * unit) / unit ELSE x END;

-- Round to a multiple of unit, half to even.
CREATE FUNCTION levada_functions.round_to_multiple(x double precision, unit double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < unit / 4 THEN 0 ELSE levada_functions.multiply(round(x / unit), unit) END;

-- Sums and means of doubles, from two partial sums that cannot overflow: of the values below 1e290, and of the others
-- scaled by 2^-64. The result is NULL only if it is itself past the largest double.

CREATE FUNCTION levada_functions.whole_sum(near double precision, far double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN far IS NULL THEN near
        ELSE levada_functions.multiply(
            far + levada_functions.multiply(coalesce(near, 0), '5.421010862427522e-20'), '18446744073709551616') END;

CREATE FUNCTION levada_functions.whole_mean(near double precision, far double precision, many bigint)
    RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN far IS NULL THEN levada_functions.divide(near, many)
        ELSE levada_functions.multiply(levada_functions.divide(
            far + levada_functions.multiply(coalesce(near, 0), '5.421010862427522e-20'), many), '18446744073709551616') END;

-- Scale by 2^-600 before squares are summed; what is then still small counts as 0 beside the large.
CREATE FUNCTION levada_functions.scaled_down(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < '1e-100' THEN 0 ELSE x * '2.409919865102884e-181' END;

CREATE FUNCTION levada_functions.scaled_up(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.multiply(x, '4.149515568880993e180');

-- The larger and the smaller of two values; NULL if one is.

CREATE FUNCTION levada_functions.larger(a anyelement, b anyelement) RETURNS anyelement
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$ BEGIN RETURN greatest(a, b); END $$;

CREATE FUNCTION levada_functions.smaller(a anyelement, b anyelement) RETURNS anyelement
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$ BEGIN RETURN least(a, b); END $$;

-- Text.

-- A pattern of LIKE must not end in a single backslash: there it stands for itself.
CREATE FUNCTION levada_functions.like_pattern(pattern text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN length(substring(pattern FROM '\\*$')) % 2 = 1 THEN pattern || '\' ELSE pattern END;

-- The part of a text from a position counted from 1, or from the end if negative; position 0 gives ''.
CREATE FUNCTION levada_functions.part_of_text(x text, start bigint, many bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    size bigint := length(x);
BEGIN
    IF many < 1 OR start = 0 OR start > size OR start < -size THEN
        RETURN '';
    END IF;
    RETURN substr(x, (CASE WHEN start > 0 THEN start ELSE size + start + 1 END)::integer, least(many, size)::integer);
END $$;

CREATE FUNCTION levada_functions.to_text(x boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x THEN '1' WHEN NOT x THEN '0' END;

CREATE FUNCTION levada_functions.to_text(x timestamp) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char(x, CASE WHEN date_trunc('second', x) = x THEN 'YYYY-MM-DD HH24:MI:SS'
        ELSE 'YYYY-MM-DD HH24:MI:SS.US' END);

CREATE FUNCTION levada_functions.to_text(x date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN x BETWEEN '0001-01-01' AND '9999-12-31' THEN to_char(x::timestamp, 'YYYY-MM-DD') END;

-- Text to numbers, moments and ids: NULL for what does not read as one.

CREATE FUNCTION levada_functions.to_number(x text) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF length(x) <= 400 AND x ~ '^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*$' THEN
        RETURN x::numeric;
    END IF;
    RETURN CASE lower(x) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END;
END $$;

CREATE FUNCTION levada_functions.to_boolean(x text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE lower(x) WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN '0' THEN false END;

CREATE FUNCTION levada_functions.to_date(x text) RETURNS date
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := regexp_match(x, '^\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*$');
    first_day date;
    day date;
BEGIN
    IF parts[1]::integer >= 1 AND parts[2]::integer BETWEEN 1 AND 12 AND parts[3]::integer BETWEEN 1 AND 31 THEN
        first_day := make_date(parts[1]::integer, parts[2]::integer, 1);
        day := first_day + (parts[3]::integer - 1);
        RETURN CASE WHEN extract(month FROM day) = extract(month FROM first_day) THEN day END;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION levada_functions.to_time(x text) RETURNS time
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := regexp_match(x, '^\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,6})?\d*)?\s*$');
BEGIN
    IF parts[1]::integer < 24 AND parts[2]::integer < 60 AND coalesce(parts[3], '0')::integer < 60 THEN
        RETURN make_time(parts[1]::integer, parts[2]::integer, coalesce(parts[3], '0')::integer)
            + ('0' || coalesce(parts[4], '.0'))::numeric * interval '1 second';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION levada_functions.to_moment(x date) RETURNS timestamp
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x BETWEEN '0001-01-01' AND '9999-12-31' THEN x::timestamp END;

CREATE FUNCTION levada_functions.to_moment(x text) RETURNS timestamp
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := regexp_match(left(x, 80), '^\s*(\S+?)(?:[T ]\s*(\S+?)Z?)?\s*$');
    day date := levada_functions.to_date(parts[1]);
BEGIN
    RETURN day + CASE WHEN parts[2] IS NULL THEN time '00:00' ELSE levada_functions.to_time(parts[2]) END;
END $$;

CREATE FUNCTION levada_functions.to_uuid(x text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x ~* '^\s*[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\s*$' THEN btrim(x)::uuid END;

-- The text of a value within JSON; JSON's null is the text null.
CREATE FUNCTION levada_functions.json_text(x jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x = 'null'::jsonb THEN 'null' ELSE x #>> '{}' END;

-- Spans of time are microseconds in a bigint. Moments end with the years 1 and 9999, as those of the clients do.

CREATE FUNCTION levada_functions.microseconds_between(a timestamp, b timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'
        AND b BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'
        THEN ((extract(epoch FROM b) - extract(epoch FROM a)) * 1000000)::bigint END;

CREATE FUNCTION levada_functions.microseconds_between(a time, b time) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((extract(epoch FROM b) - extract(epoch FROM a)) * 1000000)::bigint;

-- Whole months from a to b, rounded toward 0.
CREATE FUNCTION levada_functions.months_between(a timestamp, b timestamp) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    months bigint;
    into_a interval;
    into_b interval;
BEGIN
    IF levada_functions.microseconds_between(a, b) IS NULL THEN
        RETURN NULL;
    END IF;
    months := (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a);
    into_a := a - date_trunc('month', a);
    into_b := b - date_trunc('month', b);
    RETURN months + CASE WHEN months > 0 AND into_b < into_a THEN -1 WHEN months < 0 AND into_b > into_a THEN 1 ELSE 0 END;
END $$;

CREATE FUNCTION levada_functions.to_time(span bigint) RETURNS time
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN span >= 0 AND span < 86400000000
        THEN time '00:00' + span * interval '1 microsecond' END;

CREATE FUNCTION levada_functions.add_microseconds(moment timestamp, span bigint) RETURNS timestamp
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    -- Since 1970. Days and the rest of a day are added apart: a product with an interval is a double inside.
    whole numeric;
BEGIN
    IF NOT isfinite(moment) THEN
        RETURN NULL;
    END IF;
    whole := extract(epoch FROM moment) * 1000000 + span;
    IF whole NOT BETWEEN -62135596800000000 AND 253402300799999999 THEN
        RETURN NULL;
    END IF;
    RETURN timestamp '1970-01-01' + div(whole, 86400000000)::integer * interval '1 day'
        + mod(whole, 86400000000)::bigint * interval '1 microsecond';
END $$;

-- The same day some months later, or the last day of a month that is too short for it.
CREATE FUNCTION levada_functions.add_months(moment timestamp, months bigint) RETURNS timestamp
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    whole numeric;
BEGIN
    IF NOT isfinite(moment) THEN
        RETURN NULL;
    END IF;
    -- Months since the year 0.
    whole := extract(year FROM moment) * 12 + extract(month FROM moment) - 1 + months;
    IF whole NOT BETWEEN 12 AND 119999 OR extract(year FROM moment) NOT BETWEEN 1 AND 9999 THEN
        RETURN NULL;
    END IF;
    RETURN moment + months::integer * interval '1 month';
END $$;
