-- A whole number past int64: rounded, or NULL outside of the range of its type.
CREATE FUNCTION levada_functions.whole_within(x numeric, low numeric, high numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN round(x) BETWEEN low AND high THEN round(x) END;
