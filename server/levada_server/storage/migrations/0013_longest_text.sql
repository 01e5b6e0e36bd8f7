-- A bound on the texts that functions make of others: nested calls multiply lengths, and each keeps its result until the
-- row is done. The SQLSTATE 54L01 says that a text would be longer.

CREATE FUNCTION levada_functions.checked_length(bytes bigint) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF bytes > 16777216 THEN
        RAISE EXCEPTION USING ERRCODE = '54L01', MESSAGE = 'a text of more than 16777216 bytes';
    END IF;
    RETURN true;
END $$;

-- Several texts that were joined.
CREATE FUNCTION levada_functions.joined(x text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    PERFORM levada_functions.checked_length(octet_length(x));
    RETURN x;
END $$;

-- Checked before it is made, because one call can make a short text as long as it likes.
CREATE FUNCTION levada_functions.replaced(x text, old text, new text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    longer bigint := octet_length(new) - octet_length(old);
BEGIN
    IF old <> '' AND longer > 0 AND octet_length(x) + octet_length(x) / octet_length(old) * longer > 16777216 THEN
        PERFORM levada_functions.checked_length(
            octet_length(x) + (octet_length(x) - octet_length(replace(x, old, ''))) / octet_length(old) * longer
        );
    END IF;
    RETURN replace(x, old, new);
END $$;
