function sent = storedValue(value, attribute)
%STOREDVALUE Turn a value for an attribute into the form in which an update sends it: as an insert, but one value.

kind = levada.internal.values.typeKind(attribute.type);
column = levada.internal.rows.attributeColumn({value}, attribute, '', false);
if ~isempty(column.nulls)
    sent = [];
    return
end
switch column.kind
    case 'text'
        sent = column.values{1};
        if strcmp(kind, 'json')  % as text, it would be a document that is a text
            sent = struct('levada_type', 'binary', 'bytes', unicode2native(sent, 'UTF-8'));
        end
    case 'binary'
        sent = struct('levada_type', 'binary', 'bytes', column.values{1});
    case 'tensor'
        sent = struct('levada_type', 'binary', 'bytes', levada.internal.calls.gateway('storedArray', ...
            column.values{1}, attribute.type, sprintf('attribute `%s`', attribute.name)));
    otherwise
        sent = column.values;
        isWhole = isfloat(sent) && sent == fix(sent) && abs(sent) < flintmax;
        if isWhole && ~any(strcmp(kind, {'float32', 'float64'}))
            sent = int64(sent);
        end
end
end
