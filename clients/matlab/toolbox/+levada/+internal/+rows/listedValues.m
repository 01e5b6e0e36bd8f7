function values = listedValues(column, exact)
%LISTEDVALUES Turn a column into a cell column with one value per row; levada.Relation/fetch says how NULL appears.
%
%   values = listedValues(column, exact)

nulls = column.nulls;
switch column.kind
    case 'numeric'
        values = num2cell(column.values);
        if ~isempty(nulls) && (exact || isinteger(column.values))
            values(nulls) = {[]};
        end
        return
    case 'logical'
        values = num2cell(column.values);
    case {'text', 'uuid', 'decimal'}
        values = splitText(column.values, column.lengths);
        if strcmp(levada.internal.values.typeKind(column.type), 'json')
            values = some(values, nulls, @(text) levada.internal.values.jsonValue(text, exact));
        end
    case 'binary'
        values = splitBytes(column.values, column.lengths);
        if strcmp(levada.internal.values.typeKind(column.type), 'blob')
            values = some(values, nulls, @(bytes) blobValue(bytes, exact));
        end
    case 'list'
        values = splitBytes(column.values, column.lengths);
    case 'dictionary'
        words = [{''}; reshape(column.dictionary, [], 1)];
        values = reshape(words(column.values + 1), [], 1);
    case {'date', 'time', 'duration', 'timestamp', 'timestamptz'}
        values = levada.internal.values.timeText(column.values, column.kind);
    case 'tensor'
        values = splitTensor(column.values, levada.internal.values.arrayShape(column.type));
    case 'struct'
        fields = {column.columns.name};
        parts = arrayfun(@(c) reshape(levada.internal.rows.listedValues(c, true), 1, []), column.columns, ...
            'UniformOutput', false);
        values = num2cell(cell2struct(vertcat(parts{:}), fields, 1));
    otherwise
        levada.internal.errors.fail('Unsupported', ...
            'The column `%s` is of the kind %s, which this version does not read.', ...
            column.name, column.kind);
end
if isfield(column, 'connection') && ~isempty(column.connection)
    values = some(values, nulls, @(value) levada.internal.objects.fetchedObject(value, column, exact));
end
if ~isempty(nulls)
    values(nulls) = {[]};
end
end

function value = blobValue(bytes, exact)
value = levada.internal.values.decodeValue(bytes, exact);
if ~exact
    value = levada.internal.values.withoutStandIns(value);
end
end

function values = some(values, nulls, decode)
if isempty(nulls)
    values = cellfun(decode, values, 'UniformOutput', false);
else
    values(~nulls) = cellfun(decode, values(~nulls), 'UniformOutput', false);
end
end

function texts = splitText(flat, lengths)
texts = splitBytes(flat, lengths);
texts(lengths == 0) = {''};
end

function parts = splitBytes(flat, lengths)
if isempty(lengths)
    parts = cell(0, 1);
elseif isempty(flat)
    parts = repmat({reshape(flat, 1, 0)}, numel(lengths), 1);
else
    parts = reshape(mat2cell(flat, 1, lengths), [], 1);
end
end

function parts = splitTensor(stacked, shape)
number = size(stacked, numel(shape) + 1);
parts = cell(number, 1);
flat = reshape(stacked, [], number);
for row = 1:number
    parts{row} = reshape(flat(:, row), [shape, ones(1, 2 - numel(shape))]);
end
end
