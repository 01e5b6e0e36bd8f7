-- More functions of the expression language, under the rules of those before: none fails at run time.

-- Numbers.

CREATE FUNCTION levada_functions.quotient(a bigint, b bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN b = 0 THEN NULL WHEN b = -1 THEN levada_functions.subtract(0, a) ELSE a / b END;

CREATE FUNCTION levada_functions.sign(x double precision) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x > 0 THEN 1 WHEN x < 0 THEN -1 WHEN x = 0 THEN 0 END;

CREATE FUNCTION levada_functions.trunc_to_fraction(x double precision, unit double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) >= 4503599627370496 / unit THEN x ELSE trunc(x * unit) / unit END;

CREATE FUNCTION levada_functions.trunc_to_multiple(x double precision, unit double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < unit THEN 0 ELSE levada_functions.multiply(trunc(x / unit), unit) END;

CREATE FUNCTION levada_functions.log(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.ln(x);

CREATE FUNCTION levada_functions.log(base double precision, x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.divide(levada_functions.ln(x), levada_functions.ln(base));

CREATE FUNCTION levada_functions.log2(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.divide(levada_functions.ln(x), 0.6931471805599453);

CREATE FUNCTION levada_functions.sin(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < 'Infinity' THEN sin(x) END;

CREATE FUNCTION levada_functions.cos(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < 'Infinity' THEN cos(x) END;

CREATE FUNCTION levada_functions.tan(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(x) < 'Infinity' THEN tan(x) END;

CREATE FUNCTION levada_functions.asin(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x BETWEEN -1 AND 1 THEN asin(x) END;

CREATE FUNCTION levada_functions.acos(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x BETWEEN -1 AND 1 THEN acos(x) END;

-- PostgreSQL raises an error where a result is too small for a double: there tan, sin and atan of x are x.
CREATE FUNCTION levada_functions.atan(y double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(y) < '1e-300' THEN y ELSE atan(y) END;

CREATE FUNCTION levada_functions.atan(y double precision, x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x > 0 AND abs(y) < x AND levada_functions.divide(abs(y), x) < '1e-300'
        THEN levada_functions.divide(y, x) ELSE atan2(y, x) END;

CREATE FUNCTION levada_functions.degrees(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.divide(x, 0.017453292519943295);

CREATE FUNCTION levada_functions.radians(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.multiply(x, 0.017453292519943295);

-- Text. The longest text that a function makes of a short one has a million characters.

CREATE FUNCTION levada_functions.char_length(x text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN length(x);

CREATE FUNCTION levada_functions.octet_length(x text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN octet_length(x);

CREATE FUNCTION levada_functions.first_characters(x text, many bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN left(x, greatest(least(many, length(x)), 0)::integer);
END $$;

CREATE FUNCTION levada_functions.last_characters(x text, many bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN right(x, greatest(least(many, length(x)), 0)::integer);
END $$;

CREATE FUNCTION levada_functions.padded_left(x text, many bigint, fill text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF many < 0 OR many > 1000000 OR fill = '' AND many > length(x) THEN
        RETURN NULL;
    END IF;
    RETURN lpad(x, many::integer, fill);
END $$;

CREATE FUNCTION levada_functions.padded_right(x text, many bigint, fill text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF many < 0 OR many > 1000000 OR fill = '' AND many > length(x) THEN
        RETURN NULL;
    END IF;
    RETURN rpad(x, many::integer, fill);
END $$;

CREATE FUNCTION levada_functions.repeated(x text, many bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF many < 1 OR x = '' THEN
        RETURN '';
    END IF;
    RETURN CASE WHEN many <= 1000000 / length(x) THEN repeat(x, many::integer) END;
END $$;

CREATE FUNCTION levada_functions.reversed(x text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN reverse(x);

-- The text without another, as often as that stands at its ends.
CREATE FUNCTION levada_functions.trimmed(x text, removed text, before boolean, after boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    size integer := length(removed);
    first integer := 1;
    last integer := length(x);
BEGIN
    IF size = 0 THEN
        RETURN x;
    END IF;
    WHILE before AND last - first + 1 >= size AND substr(x, first, size) = removed LOOP
        first := first + size;
    END LOOP;
    WHILE after AND last - first + 1 >= size AND substr(x, last - size + 1, size) = removed LOOP
        last := last - size;
    END LOOP;
    RETURN substr(x, first, last - first + 1);
END $$;

-- The place of a text within another, from 1; 0 if it is not there.
CREATE FUNCTION levada_functions.position_in(x text, part text, start bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    found integer;
BEGIN
    IF start < 1 OR start > length(x) + 1 THEN
        RETURN 0;
    END IF;
    found := strpos(substr(x, start::integer), part);
    RETURN CASE WHEN found = 0 THEN 0 ELSE start + found - 1 END;
END $$;

-- The text before a separator, or after one counted from the end if the number is negative.
CREATE FUNCTION levada_functions.before_separator(x text, separator text, number bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := string_to_array(x, separator);
BEGIN
    IF separator = '' OR number = 0 THEN
        RETURN '';
    END IF;
    -- Both ends of a slice may lie past those of the array.
    number := greatest(least(number, length(x) + 1), -length(x) - 1);
    IF number < 0 THEN
        RETURN array_to_string(parts[cardinality(parts) + number + 1 :], separator);
    END IF;
    RETURN array_to_string(parts[:number], separator);
END $$;

CREATE FUNCTION levada_functions.place_in_list(x text, list text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(array_position(string_to_array(list, ','), x), 0);
END $$;

CREATE FUNCTION levada_functions.text_order(a text, b text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a < b THEN -1 WHEN a > b THEN 1 WHEN a = b THEN 0 END;

-- Whether a text matches a regular expression from the data; NULL if that is not valid.
CREATE FUNCTION levada_functions.matches(x text, pattern text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN x ~ pattern;
EXCEPTION WHEN invalid_regular_expression THEN
    RETURN NULL;
END $$;

-- Parts of a day; NULL past the years 1 and 9999, as everywhere.

CREATE FUNCTION levada_functions.within_years(x timestamp) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN x >= '0001-01-01' AND x < '10000-01-01';

CREATE FUNCTION levada_functions.year(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('year', x)::bigint END;

CREATE FUNCTION levada_functions.quarter(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('quarter', x)::bigint END;

CREATE FUNCTION levada_functions.month(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('month', x)::bigint END;

CREATE FUNCTION levada_functions.day(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('day', x)::bigint END;

CREATE FUNCTION levada_functions.day_of_year(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('doy', x)::bigint END;

CREATE FUNCTION levada_functions.weekday(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('isodow', x)::bigint - 1 END;

CREATE FUNCTION levada_functions.day_of_week(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN date_part('dow', x)::bigint + 1 END;

CREATE FUNCTION levada_functions.days_since_year_0(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN x::date - date '0001-01-01' + 366 END;

CREATE FUNCTION levada_functions.last_day(x timestamp) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x)
        THEN (date_trunc('month', x) + interval '1 month' - interval '1 day')::date END;

-- The number of the week. It begins on Sunday, or on Monday if bit 1 of the mode is set, and belongs to the year of its
-- fourth day, or of its first one if bits 1 and 4 agree. Days of a week of another year are in week 0, or in one past
-- the last; with bit 2 they have the number that their week has in its year.
CREATE FUNCTION levada_functions.week(x timestamp, mode integer) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    since_first integer := (extract(dow FROM x)::integer + 7 - (mode & 1)) % 7;
    decisive date;
BEGIN
    IF NOT levada_functions.within_years(x) THEN
        RETURN NULL;
    END IF;
    decisive := x::date - since_first + CASE WHEN (mode & 1 = 1) = (mode & 4 = 4) THEN 0 ELSE 3 END;
    IF mode & 2 = 2 OR extract(year FROM decisive) = extract(year FROM x) THEN
        RETURN (extract(doy FROM decisive)::integer - 1) / 7 + 1;
    END IF;
    RETURN CASE WHEN decisive < x::date THEN 0 ELSE (extract(doy FROM decisive - 7)::integer - 1) / 7 + 2 END;
END $$;

-- The year of the Sunday with which the week begins.
CREATE FUNCTION levada_functions.year_of_week(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x)
        THEN greatest(date_part('year', x::date - date_part('dow', x)::integer), 0)::bigint END;

-- Spans of time.

CREATE FUNCTION levada_functions.since_midnight(x time) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN levada_functions.microseconds_between('00:00'::time, x);

CREATE FUNCTION levada_functions.since_midnight(x timestamp) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN levada_functions.within_years(x) THEN levada_functions.since_midnight(x::time) END;

-- A text with hours, minutes and seconds, or the time of day of a datetime.
CREATE FUNCTION levada_functions.to_span(x text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := regexp_match(x, '^\s*(-?)(\d{1,8}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?)?\s*$');
BEGIN
    IF parts IS NULL THEN
        RETURN levada_functions.since_midnight(levada_functions.to_moment(x));
    END IF;
    IF parts[3]::integer > 59 OR parts[4]::integer > 59 THEN
        RETURN NULL;
    END IF;
    RETURN CASE parts[1] WHEN '-' THEN -1 ELSE 1 END * (
        (parts[2]::bigint * 3600 + parts[3]::integer * 60 + coalesce(parts[4]::integer, 0)) * 1000000
        + rpad(coalesce(parts[5], '0'), 6, '0')::integer);
END $$;

CREATE FUNCTION levada_functions.seconds_since_1970(x timestamp) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x >= '1970-01-01' AND levada_functions.within_years(x) THEN extract(epoch FROM x)::double precision END;

CREATE FUNCTION levada_functions.after_1970(span bigint) RETURNS timestamp
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN span >= 0 THEN levada_functions.add_microseconds('1970-01-01'::timestamp, span) END;

-- Reading a text by a format: the parts that a regular expression finds, by name; then the time, and the datetime, of them.

CREATE FUNCTION levada_functions.read_parts(x text, pattern text, names text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN jsonb_object(names, regexp_match(x, pattern));
END $$;

CREATE FUNCTION levada_functions.read_time(parts jsonb) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    hour integer := parts ->> 'hour';
    hour_of_12 integer := parts ->> 'hour_of_12';
    minute integer := coalesce(parts ->> 'minute', '0');
    second integer := coalesce(parts ->> 'second', '0');
BEGIN
    IF hour > 23 OR hour_of_12 NOT BETWEEN 1 AND 12 OR minute > 59 OR second > 59 THEN
        RETURN NULL;
    END IF;
    hour := coalesce(hour, hour_of_12 % 12 + CASE WHEN upper(parts ->> 'half') = 'PM' THEN 12 ELSE 0 END, 0);
    RETURN ((hour * 60 + minute) * 60 + second)::bigint * 1000000
        + rpad(coalesce(parts ->> 'fraction', '0'), 6, '0')::integer;
END $$;

CREATE FUNCTION levada_functions.read_moment(parts jsonb) RETURNS timestamp
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    months CONSTANT text[] := ARRAY['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august',
        'september', 'october', 'november', 'december'];
    name text := lower(parts ->> 'month_name');
    year integer := parts ->> 'year';
    short_year integer := parts ->> 'short_year';
    month integer := parts ->> 'month';
    day_of_year integer := parts ->> 'day_of_year';
    day date;
BEGIN
    year := coalesce(year, short_year + CASE WHEN short_year < 70 THEN 2000 ELSE 1900 END);
    IF name IS NOT NULL THEN
        FOR number IN 1 .. 12 LOOP
            IF name IN (months[number], left(months[number], 3)) THEN
                month := number;
            END IF;
        END LOOP;
    END IF;
    IF month IS NULL AND day_of_year IS NOT NULL THEN
        IF year >= 1 AND day_of_year BETWEEN 1 AND 366 THEN
            day := make_date(year, 1, 1) + day_of_year - 1;
            day := CASE WHEN extract(year FROM day) = year THEN day END;
        END IF;
    ELSE
        day := levada_functions.to_date(format('%s-%s-%s', lpad(year::text, 4, '0'), month, parts ->> 'day'));
    END IF;
    RETURN levada_functions.add_microseconds(day::timestamp, levada_functions.read_time(parts));
END $$;
