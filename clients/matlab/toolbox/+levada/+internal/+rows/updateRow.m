function updateRow(table, inputs)
%UPDATEROW Change one entity; see levada.Table/update.

if numel(inputs) == 1 && isstruct(inputs{1})
    checkWhole(table, 'update with a struct');
    row = inputs{1};
else
    row = namedRow(table, inputs);
end
attributes = heading(table);
names = cellfun(@(a) a.name, attributes, 'UniformOutput', false);
entries = cell(1, 0);
for field = reshape(fieldnames(row), 1, [])
    known = strcmp(names, field{1});
    if ~any(known)
        name = tableName(table);
        levada.internal.errors.fail('UnknownAttribute', ...
            '`%s.%s` has no attribute `%s`; it has %s.', name.schema, name.table, field{1}, strjoin(names, ', '));
    end
    value = row.(field{1});
    if strcmp(levada.internal.values.typeKind(attributes{known}.type), 'object') && ~isempty(value)
        value = levada.internal.objects.Stager(conn(table), tableName(table), attributes).stage(value, ...
            attributes{known}, row, sprintf('attribute `%s`', field{1}));
        if isa(value, 'uint8')  % the file of an `<attach>`
            value = struct('levada_type', 'binary', 'bytes', value);
        end
    else
        value = levada.internal.rows.storedValue(value, attributes{known});
    end
    entries{end + 1} = struct('name', field{1}, 'value', {value}); %#ok<AGROW>
end
request = struct('name', tableName(table), 'row', {entries}, 'request_id', levada.internal.calls.gateway('requestId'));
levada.internal.api.updateRow(conn(table), request);
end

function row = namedRow(table, inputs)
if isempty(inputs) || numel(inputs) > 2 || ~ischar(levada.internal.inputs.plainText(inputs{1}))
    levada.internal.errors.fail('InvalidRequest', ...
        'Call update(table, row) with a struct, or update(table & key, ''attribute'', value).');
end
row = fetch(table, 3);
if numel(row) ~= 1
    levada.internal.errors.fail('InvalidRequest', ...
        'update changes exactly one entity; restrict the table by a whole key.');
end
value = [];
if numel(inputs) == 2
    value = inputs{2};
end
row.(levada.internal.inputs.plainText(inputs{1})) = value;
end
