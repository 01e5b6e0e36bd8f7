function sent = storedValue(value, attribute)
%STOREDVALUE Turn a value for an attribute into the form in which an update sends it.

place = sprintf('attribute `%s`', attribute.name);
kind = levada.internal.values.typeKind(attribute.type);
isMissing = (isnumeric(value) || iscell(value)) && isempty(value);
nullable = isfield(attribute, 'nullable') && attribute.nullable;
if any(strcmp(kind, {'blob', 'bytes', 'array', 'json'})) && ~isMissing
    column = levada.internal.rows.attributeColumn({value}, attribute, place, 0, false);
    if strcmp(column.kind, 'text')
        sent = column.values{1};
    else
        sent = struct('levada_type', 'binary', 'bytes', octets(column, attribute.type));
    end
elseif isMissing || (isfloat(value) && isscalar(value) && isnan(value) && nullable)
    sent = [];
elseif isfloat(value) && isscalar(value) && isnan(value)
    sent = NaN;
else
    sent = levada.internal.values.conditionValue(value, place);
end
end

function bytes = octets(column, type)
% Return the bytes that the attribute stores; an array goes row by row, in its own type.
if iscell(column.values)
    bytes = column.values{1};
    return
end
shape = levada.internal.values.arrayShape(type);
dtype = regexp(type, '^<array\s+(\w+)', 'tokens', 'once');
byRows = permute(column.values, [fliplr(1:numel(shape)), numel(shape) + 1]);
bytes = levada.internal.values.elementBytes(byRows, dtype{1});
end
