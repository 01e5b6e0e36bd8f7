function column = attributeColumn(values, attribute, place, exact)
%ATTRIBUTECOLUMN Turn the values of one attribute into a column to send.
%
%   column = attributeColumn(values, attribute, place, exact)
%
%   values     cell, one per row; [] is NULL, and so is NaN except in a floating attribute that cannot be NULL
%   attribute  as the protocol has it
%   place      the name of the table in errors, which then name the row too; '' for one value by itself
%   exact      NaN stays NaN in every floating attribute
%   column     as levada.internal.rows.encodeColumns takes it
%
%   The server checks the exact type and range; this function only decides how values of MATLAB are sent.

kind = levada.internal.values.typeKind(attribute.type);
values = reshape(values, [], 1);
if strcmp(kind, 'json')
    values = cellfun(@levada.internal.values.jsonText, values, 'UniformOutput', false);
end
[column, objects] = levada.internal.calls.gateway('gatherColumn', values, attribute, kind, place, exact);
if ~isempty(objects)
    values(objects) = cellfun(@withoutClass, values(objects), 'UniformOutput', false);
    column = levada.internal.calls.gateway('gatherColumn', values, attribute, kind, place, exact);
end
end

function value = withoutClass(value)
% Return the text of an object that stands for text or time, [] if it is missing, and any other object as it is.
if ~isscalar(value) || ~any(strcmp(class(value), {'string', 'categorical', 'datetime', 'duration', 'missing'}))
    return
elseif ismissing(value)
    value = [];
elseif isa(value, 'datetime') || isa(value, 'duration')
    value = levada.internal.values.datetimeText(value);
else
    value = char(value);
end
end
