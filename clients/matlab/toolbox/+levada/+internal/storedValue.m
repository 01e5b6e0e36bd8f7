function sent = storedValue(value, attribute)
% storedValue  Bring a value that an attribute is to store into the form in which an update sends it.

place = sprintf('attribute `%s`', attribute.name);
kind = levada.internal.typeKind(attribute.type);
isMissing = (isnumeric(value) || iscell(value)) && isempty(value);
nullable = isfield(attribute, 'nullable') && attribute.nullable;
if any(strcmp(kind, {'blob', 'bytes', 'array', 'json'})) && ~isMissing
    column = levada.internal.attributeColumn({value}, attribute, place, 0, false);
    if iscell(column.values)
        sent = column.values{1};
    else
        sent = typecast(reshape(column.values, 1, []), 'uint8');
    end
elseif isMissing || (isfloat(value) && isscalar(value) && isnan(value) && nullable)
    sent = [];
elseif isfloat(value) && isscalar(value) && isnan(value)
    sent = NaN;
else
    sent = levada.internal.conditionValue(value, place);
end
end
