function rows = fetchAsTable(relation, inputs)
%FETCHASTABLE Fetch entities as a table, in Octave as a struct of columns; see levada.Relation/fetchtable.

[words, exact] = levada.internal.inputs.takeOption(inputs, 'Exact', false);
plain = levada.internal.query.readOrder(words);
if isempty(plain)
    words = [{'*'}, words];
end
result = levada.internal.query.fetchResult(relation, [words, {'Exact', exact}]);
names = levada.internal.rows.columnNames(result);
values = cell(1, numel(names));
for index = 1:numel(names)
    values{index} = tableColumn(result.columns{index}, exact);
end
if exist('table', 'class') || exist('table', 'file')
    rows = table(values{:}, 'VariableNames', names);
else
    rows = cell2struct(values, names, 2);
end
end

function values = tableColumn(column, exact)
isTime = any(strcmp(column.kind, {'date', 'timestamp', 'timestamptz'}));
if isTime && exist('datetime', 'class')
    factor = 86400;
    if ~strcmp(column.kind, 'date')
        factor = 1e-6;
    end
    zone = '';
    if strcmp(column.kind, 'timestamptz')
        zone = 'UTC';
    end
    values = datetime(1970, 1, 1, 'TimeZone', zone) + seconds(double(column.values) * factor);
    if ~isempty(column.nulls)
        values(column.nulls) = NaT;
    end
    return
end
values = levada.internal.rows.columnVector(column, exact);
if any(strcmp(column.kind, {'text', 'dictionary', 'uuid', 'decimal'})) && exist('string', 'class') ...
        && ~strcmp(levada.internal.values.typeKind(column.type), 'json')
    if ~isempty(column.nulls)
        values(column.nulls) = {''};
    end
    values = string(values);
    if ~isempty(column.nulls)
        values(column.nulls) = missing;
    end
end
end
