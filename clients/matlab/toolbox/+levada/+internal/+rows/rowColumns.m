function columns = rowColumns(rows, heading, table, named)
%ROWCOLUMNS Turn rows of any form into columns to send.
%
%   columns = rowColumns(rows, heading, table, named)
%
%   rows     as levada.Table/insert takes them, except a query
%   heading  the table's attributes, as the protocol has them
%   table    its name, for errors
%   named    the options IgnoreExtraFields and Exact, and the levada.internal.objects.Stager for stored objects
%   columns  a struct array as levada.internal.rows.encodeColumns takes it

names = cellfun(@(a) a.name, heading, 'UniformOutput', false);
[fields, values] = fieldValues(rows, names, table);
known = ismember(fields, names);
if ~all(known) && ~named.IgnoreExtraFields
    levada.internal.errors.fail('UnknownAttribute', ...
        ['`%s` has no attribute %s; it has %s. Pass ''IgnoreExtraFields'', true to ' ...
        'insert the rest.'], table, strjoin(strcat('`', fields(~known), '`'), ', '), strjoin(names, ', '));
end
columns = struct('kind', {}, 'values', {}, 'name', {}, 'type', {}, 'nulls', {});
for index = 1:numel(names)
    at = find(strcmp(fields, names{index}), 1);
    if isempty(at)
        continue
    end
    if strcmp(levada.internal.values.typeKind(heading{index}.type), 'object')
        columns(end + 1) = named.Stager.column(values(:, at), heading{index}, table, fields, values); %#ok<AGROW>
    else
        columns(end + 1) = levada.internal.rows.attributeColumn(values(:, at), heading{index}, table, ...
            named.Exact); %#ok<AGROW>
    end
end
end

function [fields, values] = fieldValues(rows, names, table)
% Return the names of the fields, and an n-by-m cell of values.
if levada.internal.values.isTable(rows)
    fields = rows.Properties.VariableNames;
    values = cell(height(rows), numel(fields));
    for index = 1:numel(fields)
        values(:, index) = listed(rows.(fields{index}));
    end
elseif isstruct(rows)
    fields = reshape(fieldnames(rows), 1, []);
    values = reshape(struct2cell(rows(:)), numel(fields), [])';
elseif iscell(rows)
    fields = names;
    values = rows;
    if isempty(rows)
        values = cell(0, numel(names));
    elseif size(rows, 2) > numel(names)
        levada.internal.errors.fail('InvalidRequest', ...
            ['`%s` has %d attributes, and the rows of the cell have %d columns: pass ' ...
            'one row per entity and one column per attribute, in the order of the heading.'], ...
            table, numel(names), size(rows, 2));
    end
    fields = fields(1:size(values, 2));
else
    levada.internal.errors.fail('InvalidRequest', ...
        ['`%s`: a %s holds no rows to insert. Pass a struct array, a cell with a row ' ...
        'per entity, a table, or a query.'], table, class(rows));
end
end

function values = listed(column)
if iscell(column)
    values = column;
elseif ischar(column)
    values = cellstr(column);
else
    values = cell(size(column, 1), 1);
    for row = 1:numel(values)
        values{row} = reshape(column(row, :), [1, size(column, 2)]);
    end
end
end
