function found = differences(table, stored, computed, tolerance, hashes)
%DIFFERENCES Return the differences between stored rows and the rows that were computed again.
%
%   found = differences(table, stored, computed, tolerance, hashes)
%   found = differences()    none
%
%   table      the table or part, as the catalog has it
%   stored     the stored rows, as levada.internal.query.fetchResult returns them
%   computed   cell of the columns of rows, as levada.internal.rows.rowColumns returns them
%   tolerance  struct: the largest absolute difference that counts as none, by attribute
%   hashes     containers.Map: the hashes of the computed objects in stores, by their ids; objects are equal if these are
%   found      struct row with table (its name), key, attribute (empty if only one side has the row), stored and
%              computed
%
%   An attribute that the computed rows lack takes its default, so it is not compared.

missing = '(no row)';
found = struct('table', {}, 'key', {}, 'attribute', {}, 'stored', {}, 'computed', {});
if nargin == 0
    return
end
attributes = [table.heading.attributes{:}];
key = {attributes([attributes.primary_key]).name};
[oldKeys, old] = indexed(storedRows(stored), key);
[newKeys, new] = indexed(computedRows(computed), key);
for text = union(oldKeys, newKeys)
    if ~isKey(new, text{1})
        add(old(text{1}), '', old(text{1}), missing);
    elseif ~isKey(old, text{1})
        add(new(text{1}), '', missing, new(text{1}));
    else
        compareRows(old(text{1}), new(text{1}));
    end
end

    function compareRows(before, after)
        for name = setdiff({attributes.name}, key, 'stable')
            limit = 0;
            if isfield(tolerance, name{1})
                limit = tolerance.(name{1});
            end
            if isfield(after, name{1})
                [old, new] = deal(before.(name{1}), after.(name{1}));
                if isstruct(old) && isfield(old, 'hash') && ischar(new) && isKey(hashes, new)
                    [old, new] = deal(old.hash, hashes(new));
                end
                if ~levada.internal.values.areEqual(old, new, limit)
                    add(before, name{1}, old, new);
                end
            end
        end
    end

    function add(row, attribute, before, after)
        values = struct();
        for name = key
            values.(name{1}) = row.(name{1});
        end
        found(end + 1) = struct('table', [table.name.schema '.' table.name.table], 'key', values, 'attribute', ...
            attribute, 'stored', {before}, 'computed', {after});
    end
end

function [keys, rows] = indexed(list, key)
% The rows by the text of their key.
rows = containers.Map('KeyType', 'char', 'ValueType', 'any');
for row = list
    values = cellfun(@(name) keyText(row.(name)), key, 'UniformOutput', false);
    rows(strjoin(values, char(10))) = row;
end
keys = reshape(rows.keys(), 1, []);
end

function text = keyText(value)
if ischar(value)
    text = strrep(value, 'T', ' ');
elseif isinteger(value)
    text = sprintf('%ld', value);
else
    text = sprintf('%.17g', double(value));
end
end

function rows = storedRows(result)
columns = [result.columns{:}];
[columns.connection] = deal([]);  % objects are compared by their hashes, and not read
isJson = strcmp(cellfun(@levada.internal.values.typeKind, {columns.type}, 'UniformOutput', false), 'json');
values = arrayfun(@(c, j) levada.internal.rows.listedValues(c, ~j), columns, isJson, 'UniformOutput', false);
rows = rowsOf(values, {columns.name});
end

function rows = computedRows(parts)
rows = {};
for part = parts
    values = arrayfun(@sentValues, reshape(part{1}, 1, []), 'UniformOutput', false);
    rows{end + 1} = rowsOf(values, {part{1}.name}); %#ok<AGROW>
end
if isempty(rows)
    rows = struct([]);
    return
end
names = unique(cellfun(@(r) strjoin(fieldnames(r)', ' '), rows, 'UniformOutput', false));
if ~isscalar(names)  % inserts with other attributes each
    levada.internal.errors.fail('Unsupported', ...
        'A make that inserts other attributes of one table each time cannot be compared; give all rows the same.');
end
rows = [rows{:}];
end

function rows = rowsOf(values, names)
% A struct row from cell columns.
flat = cellfun(@(v) reshape(v, 1, []), values, 'UniformOutput', false);
rows = reshape(cell2struct(vertcat(flat{:}), names, 1), 1, []);
end

function values = sentValues(column)
% The values of a column that is about to be sent, in the form in which they would be fetched.
switch column.kind
    case {'text', 'binary', 'tensor'}
        values = column.values;
    otherwise
        values = num2cell(column.values);
end
values = reshape(values, [], 1);
present = true(size(values));
if ~isempty(column.nulls)
    present = ~column.nulls;
end
switch levada.internal.values.typeKind(column.type)
    case 'blob'
        values(present) = cellfun(@(v) levada.internal.values.decodeValue(v, true), values(present), 'UniformOutput', ...
            false);
    case 'json'
        values(present) = cellfun(@(t) levada.internal.values.jsonValue(t, false), values(present), ...
            'UniformOutput', false);
end
values(~present) = {[]};
end
