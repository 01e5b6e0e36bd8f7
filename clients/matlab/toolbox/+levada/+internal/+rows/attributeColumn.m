function column = attributeColumn(values, attribute, place, firstRow, exact)
%ATTRIBUTECOLUMN Turn the values of one attribute into a column to send.
%
%   column = attributeColumn(values, attribute, place, firstRow, exact)
%
%   values     cell, one per row; [] is NULL, and so is NaN except in a floating attribute that cannot be NULL
%   attribute  as the protocol has it
%   place      the name of the table or the value in errors
%   firstRow   number of the first row, from 0, for errors
%   exact      NaN stays NaN in every floating attribute
%   column     as levada.internal.rows.encodeColumns takes it
%
%   The server checks the exact type and range; this function only decides how values of MATLAB are sent.

kind = levada.internal.values.typeKind(attribute.type);
values = cellfun(@levada.internal.inputs.plainText, reshape(values, [], 1), 'UniformOutput', false);
nulls = cellfun(@isMissing, values);
if any(strcmp(kind, {'bytes', 'blob'}))
    nulls = cellfun(@(v) isa(v, 'double') && isequal(size(v), [0 0]), values);  % other empty things are values
end
nullable = isfield(attribute, 'nullable') && attribute.nullable;
isNaN = cellfun(@(v) isfloat(v) && isscalar(v) && isnan(v), values);
if any(strcmp(kind, {'float32', 'float64'}))
    if nullable && ~exact
        nulls = nulls | isNaN;
    end
elseif ~any(strcmp(kind, {'blob', 'array', 'json'}))
    nulls = nulls | isNaN;
end
if strcmp(kind, 'blob') && ~nullable
    nulls(:) = false;  % an attribute that cannot be NULL holds an empty array
end
try
    switch kind
        case 'blob'
            column = bytesColumn(values, nulls, @(v, i) levada.internal.values.encodeValue(v, ...
                where(place, attribute, firstRow + i - 1)));
        case 'bytes'
            column = bytesColumn(values, nulls, @octets);
        case 'array'
            column = tensorColumn(values, nulls, attribute.type);
        case 'json'
            column = textColumn(values, nulls, @(v) jsonencode(v));
        case 'object'
            levada.internal.errors.fail('Unsupported', 'A %s cannot be inserted from MATLAB yet.', attribute.type);
        otherwise
            column = scalarColumn(values, nulls);
    end
catch failure
    if strcmp(failure.identifier, 'levada:unfit')
        row = str2double(failure.message);
        levada.internal.errors.fail('WrongValue', ...
            '%s: a %s of size %s is not a %s.', where(place, attribute, firstRow + row - 1), ...
            class(values{row}), mat2str(size(values{row})), attribute.type);
    end
    rethrow(failure)
end
column.name = attribute.name;
column.type = attribute.type;
column.nulls = [];
if any(nulls)
    column.nulls = nulls;
end
end

function text = where(place, attribute, row)
text = sprintf('`%s`, row %d, attribute `%s`', place, row, attribute.name);
end

function answer = isMissing(value)
answer = ~ischar(value) && ~isstruct(value) && isempty(value);
if ~answer && isscalar(value) && (isa(value, 'datetime') || isa(value, 'duration') || isa(value, 'string') || ...
        isa(value, 'categorical') || isa(value, 'missing'))
    answer = ismissing(value);
end
end

function unfit(row)
error('levada:unfit', '%d', row);
end

function column = scalarColumn(values, nulls)
% Numbers are sent as numbers if all values are numbers, else as text, which the server reads.
present = values(~nulls);
isTime = cellfun(@(v) isa(v, 'datetime') || isa(v, 'duration'), present);
present(isTime) = cellfun(@levada.internal.values.datetimeText, present(isTime), 'UniformOutput', false);
isCategory = cellfun(@(v) isa(v, 'categorical') && isscalar(v), present);
present(isCategory) = cellfun(@char, present(isCategory), 'UniformOutput', false);
isText = cellfun(@(v) ischar(v) && (isrow(v) || isempty(v)), present);
isNumber = cellfun(@(v) (isnumeric(v) || islogical(v)) && isscalar(v) && isreal(v), present);
wrong = find(~isText & ~isNumber, 1);
if ~isempty(wrong)
    rows = find(~nulls);
    unfit(rows(wrong));
end
if any(isText)
    present(isNumber) = cellfun(@numberText, present(isNumber), 'UniformOutput', false);
    column = struct('kind', 'text', 'values', {filled(present, nulls, '')});
elseif ~isempty(present) && all(cellfun(@islogical, present))
    column = struct('kind', 'logical', 'values', {filledVector(logical(vertcat(present{:})), nulls, false)});
else
    column = numberColumn(present, nulls);
end
end

function column = numberColumn(present, nulls)
wide = cellfun(@(v) isa(v, 'uint64') && v > intmax('int64'), present);
if any(wide)  % past 64 bits with sign: no attribute holds it, and the server says so
    present = cellfun(@numberText, present, 'UniformOutput', false);
    column = struct('kind', 'text', 'values', {filled(present, nulls, '')});
elseif any(cellfun(@isinteger, present))
    isWhole = cellfun(@(v) isinteger(v) || v == fix(v), present);
    if all(isWhole)
        numbers = cellfun(@int64, present, 'UniformOutput', false);
        column = struct('kind', 'int64', 'values', {filledVector(vertcat(int64([]), numbers{:}), nulls, int64(0))});
    else
        numbers = cellfun(@double, present);
        column = struct('kind', 'double', 'values', {filledVector(numbers, nulls, 0)});
    end
else
    numbers = cellfun(@double, present);
    column = struct('kind', 'double', 'values', {filledVector(reshape(numbers, [], 1), nulls, 0)});
end
end

function text = numberText(value)
if isinteger(value) && isa(value, 'uint64')
    text = sprintf('%lu', value);
elseif isinteger(value) || islogical(value)
    text = sprintf('%ld', int64(value));
else
    for digits = [15 16 17]
        text = sprintf('%.*g', digits, value);
        if str2double(text) == value
            return
        end
    end
end
end

function column = textColumn(values, nulls, write)
present = cellfun(write, values(~nulls), 'UniformOutput', false);
column = struct('kind', 'text', 'values', {filled(present, nulls, '')});
end

function column = bytesColumn(values, nulls, write)
rows = find(~nulls);
present = cell(numel(rows), 1);
for index = 1:numel(rows)
    present{index} = write(values{rows(index)}, rows(index));
end
column = struct('kind', 'binary', 'values', {filled(present, nulls, zeros(1, 0, 'uint8'))});
end

function bytes = octets(value, row)
if isa(value, 'uint8') || isa(value, 'int8')
    bytes = typecast(reshape(value, 1, []), 'uint8');
elseif ischar(value)
    bytes = unicode2native(value, 'UTF-8');
else
    unfit(row);
end
end

function column = tensorColumn(values, nulls, type)
shape = levada.internal.values.arrayShape(type);
stacked = zeros([prod(shape), numel(values)]);
present = find(~nulls);
if ~isempty(present)
    stacked = repmat(reshape(values{present(1)}(1), 1, 1), [prod(shape), numel(values)]);
end
for row = reshape(present, 1, [])
    value = values{row};
    isVector = numel(shape) == 1 && isvector(value) && numel(value) == shape;
    given = [size(value), ones(1, numel(shape) - ndims(value))];
    if ~(isnumeric(value) || islogical(value)) || ~(isVector || ...
        isequal(given, [shape, ones(1, numel(given) - numel(shape))]))
        unfit(row);
    end
    stacked(:, row) = value(:);
end
column = struct('kind', 'tensor', 'values', {reshape(stacked, [shape, numel(values)])});
end

function all = filled(present, nulls, filler)
all = cell(numel(nulls), 1);
all(:) = {filler};
all(~nulls) = present;
end

function all = filledVector(present, nulls, filler)
all = repmat(filler, numel(nulls), 1);
all(~nulls) = present;
end
