function values = columnVector(column, exact)
%COLUMNVECTOR Turn a column into a vector of numbers or logicals, one N-d array, or a cell column of the rest.
%
%   values = columnVector(column, exact)
%
%   NULL is NaN among numbers. With `exact`, and for int64, which has no NaN, a column with NULL is a cell.

hasNull = ~isempty(column.nulls);
switch column.kind
    case 'numeric'
        values = column.values;
        if hasNull && (exact || isinteger(values))
            values = levada.internal.rows.listedValues(column, true);
        end
    case 'logical'
        values = column.values;
        if hasNull && exact
            values = levada.internal.rows.listedValues(column, true);
        elseif hasNull
            values = double(values);
            values(column.nulls) = NaN;
        end
    case 'tensor'
        if hasNull
            values = levada.internal.rows.listedValues(column, exact);
        else
            dimensions = numel(levada.internal.values.arrayShape(column.type));
            values = permute(column.values, [dimensions + 1, 1:dimensions]);
        end
    otherwise
        values = levada.internal.rows.listedValues(column, exact);
end
end
