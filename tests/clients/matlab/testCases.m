function tests = testCases()
%TESTCASES Run a case of tests/cases as the MATLAB client does; tests/support/cases.py is its twin.

tests = localfunctions();
end

function test_write(connection, order)
% Declare the tables of a case and insert its rows.
case_ = readCase(order.file);
declare(connection, order.schema, case_);
for rows = items(case_, 'rows')
    insertRows(connection, order.schema, rows{1});
end
end

function test_check(connection, order)
case_ = readCase(order.file);
for step = items(case_, 'checks')
    take(connection, order.schema, step{1});
end
end

function test_copy(connection, order)
% Fetch all rows of one schema and insert what was fetched into another.
case_ = readCase(order.file);
declare(connection, order.schemas{2}, case_);
for table = items(case_, 'tables')
    names = [table{1}.name, cellfun(@(p) [table{1}.name '.' p.name], items(table{1}, 'parts'), 'UniformOutput', false)];
    for name = reshape(cellstr(names), 1, [])
        rows = fetch(tableOf(connection, order.schemas{1}, name{1}), '*', 'Exact', order.exact);
        insert(tableOf(connection, order.schemas{2}, name{1}), rows, 'Exact', order.exact, 'SkipDuplicates', ...
            given(table{1}, 'tier') && strcmp(table{1}.tier, 'lookup'));
    end
end
end

function test_change(connection, order)
case_ = readCase(order.file);
for step = items(case_, 'changes')
    take(connection, order.schema, step{1});
end
end

function case_ = readCase(file)
text = fileread(file);
if exist('OCTAVE_VERSION', 'builtin')
    case_ = jsondecode(text, 'makeValidName', false);  % names of attributes may be words of the language
else
    case_ = jsondecode(text);
end
end

function declare(connection, schemaName, case_)
% Classes would need a file for each table, and send the same requests.
levada.internal.api.createSchema(connection, struct('name', schemaName, 'allow_existing', true));
for table = items(case_, 'tables')
    tier = 'manual';
    if isfield(table{1}, 'tier')
        tier = table{1}.tier;
    end
    declareOne(connection, schemaName, table{1}.name, tier, table{1}.definition);
    for part = items(table{1}, 'parts')
        declareOne(connection, schemaName, [table{1}.name '.' part{1}.name], 'part', part{1}.definition);
    end
end
end

function declareOne(connection, schemaName, name, tier, definition)
request = struct('name', struct('schema', schemaName, 'table', name), 'tier', ['TABLE_TIER_' upper(tier)]);
request.definition = strjoin(reshape(cellstr(definition), 1, []), char(10));
levada.internal.api.declareTable(connection, request);
end

% ----------------------------------------------------------------------------------------------------- steps

function take(connection, schemaName, step)
try
    outcome(connection, schemaName, step);
catch failure
    if isfield(step, 'error') && ~isempty(step.error) && strcmp(failure.identifier, ['levada:' camel(step.error)])
        return
    end
    failure.message = sprintf('%s\n%s: %s', jsonencode(step), failure.identifier, failure.message);
    error(failure);
end
if isfield(step, 'error') && ~isempty(step.error)
    error('test:failed', '%s: nothing went wrong', jsonencode(step));
end
end

function outcome(connection, schemaName, step)
if isfield(step, 'insert') && ~isempty(step.insert)
    insertRows(connection, schemaName, step.insert);
elseif isfield(step, 'update') && ~isempty(step.update)
    table = tableOf(connection, schemaName, step.update.table);
    attributes = header(table);
    types = cell2struct({attributes.type}, {attributes.name}, 2);
    row = step.update.row;
    for name = fieldnames(row)'
        row.(name{1}) = written(row.(name{1}), types, name{1});
    end
    update(table, row);
elseif isfield(step, 'delete') && ~isempty(step.delete)
    number = del(relationOf(connection, schemaName, step.delete), 'Prompt', false);
    if isfield(step, 'count') && ~isempty(step.count)
        checkEqual(number, step.count);
    end
else
    query(connection, schemaName, step);
end
end

function query(connection, schemaName, step)
relation = relationOf(connection, schemaName, step.relation);
if given(step, 'primary_key')
    checkEqual(primaryKey(relation), texts(step.primary_key));
end
if given(step, 'types')
    attributes = header(relation);
    checkEqual(cell2struct({attributes.type}, {attributes.name}, 2), step.types);
end
if given(step, 'count')
    checkEqual(count(relation), step.count);
end
if given(step, 'exists')
    checkEqual(exists(relation), step.exists);
end
if isfield(step, 'rows') || given(step, 'error')
    order = {'KEY'};
    if given(step, 'order')
        order = texts(step.order);
    end
    for exact = [true false]
        rows = fetch(relation, '*', ['ORDER BY ' strjoin(order, ', ')], 'Exact', exact);
        if given(step, 'rows')
            expected = items(step, 'rows');
            checkEqual(numel(rows), numel(expected));
            attributes = header(relation);
            types = cell2struct({attributes.type}, {attributes.name}, 2);
            for index = 1:numel(expected)
                compareRow(rows(index), expected{index}, types, exact);
            end
        elseif ~given(step, 'error') && ~given(step, 'count')
            checkEqual(numel(rows), 0);
        end
    end
end
end

function answer = given(step, field)
answer = isfield(step, field) && ~isempty(step.(field));
end

function compareRow(row, expected, types, exact)
checkEqual(fieldnames(row), fieldnames(expected));
for name = fieldnames(expected)'
    got = row.(name{1});
    if exact && levada.internal.values.isStandIn(got, 'json')  % as text, in which the database writes spaces of its own
        got = jsondecode(got.text);
    end
    wanted = fetchedForm(expected.(name{1}), types.(name{1}), exact);
    if ~same(wanted, got)
        error('test:failed', '%s (Exact %d) is %s, not %s', name{1}, exact, shown(got), shown(wanted));
    end
end
end

function value = fetchedForm(expected, type, exact)
% Return the value that fetch returns for an attribute of a type; docs/matlab/types.md has the same as a table.
kind = levada.internal.values.typeKind(type);
classes = struct('float32', 'single', 'float64', 'double', 'bool', 'logical');
for whole = {'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'}
    classes.(whole{1}) = whole{1};
end
value = native(expected, exact);
if strcmp(kind, 'blob')
    value = within(expected, exact);
end
if isempty(expected) && ~ischar(expected)  % null of JSON
    value = [];
    if isfield(classes, kind) && ~exact && ~any(strcmp(kind, {'int64', 'uint64', 'bool'}))
        value = NaN;
    end
elseif strcmp(kind, 'array')
    if ~exact && ~islogical(value) && ~any(strcmp(class(value), {'int64', 'uint64'}))
        value = double(value);
    end
elseif isfield(classes, kind)
    stored = classes.(kind);
    if ~exact && ~any(strcmp(kind, {'int64', 'uint64', 'bool'}))
        value = double(feval(stored, value));
    else
        value = feval(stored, value);
    end
end
end

function text = shown(value)
text = [class(value) ' ' mat2str(size(value)) ' ' regexprep(evalc('disp(value)'), '\s+$', '')]; %#ok<INUSD>
end

function insertRows(connection, schemaName, order)
inputs = {'Exact', true};
if isfield(order, 'options') && ~isempty(order.options)
    for option = fieldnames(order.options)'
        words = strsplit(option{1}, '_');
        words = cellfun(@(w) [upper(w(1)) w(2:end)], words, 'UniformOutput', false);
        inputs = [inputs, {strjoin(words, ''), order.options.(option{1})}]; %#ok<AGROW>
    end
end
rows = items(order, 'rows');
names = unique([cell(1, 0), cellfun(@(r) fieldnames(r)', rows, 'UniformOutput', false){:}], 'stable');
filled = cell2struct(cell(numel(names), numel(rows)), names, 1);
attributes = header(tableOf(connection, schemaName, order.table));
types = cell2struct({attributes.type}, {attributes.name}, 2);
for index = 1:numel(rows)
    for name = fieldnames(rows{index})'
        filled(index).(name{1}) = written(rows{index}.(name{1}), types, name{1});
    end
end
insert(tableOf(connection, schemaName, order.table), filled, inputs{:});
end

function value = written(given, types, name)
value = native(given, true);
if isfield(types, name) && strcmp(levada.internal.values.typeKind(types.(name)), 'blob')
    value = within(given, true);
elseif isstruct(given) && strcmp(given.kind, 'json')
    value = struct('levada_type', 'json', 'text', given.text);
end
end

% ------------------------------------------------------------------------------------------------ relations

function table = tableOf(connection, schemaName, name)
table = levada.FreeTable(connection, [schemaName '.' name]);
end

function relation = relationOf(connection, schemaName, expression)
if ischar(expression)
    relation = tableOf(connection, schemaName, expression);
    return
end
of = @(e) relationOf(connection, schemaName, e);
if isfield(expression, 'restrict')
    relation = of(expression.restrict) & conditionOf(connection, schemaName, expression.by);
elseif isfield(expression, 'antirestrict')
    relation = of(expression.antirestrict) - conditionOf(connection, schemaName, expression.by);
elseif isfield(expression, 'project')
    words = texts(expression.attributes);
    relation = proj(of(expression.project), words{:});
elseif isfield(expression, 'aggregate')
    words = texts(expression.attributes);
    if isfield(expression, 'keep_all_rows')
        words = [words, {'KeepAllRows', expression.keep_all_rows}];
    end
    relation = aggr(of(expression.aggregate), of(expression.group), words{:});
elseif isfield(expression, 'join')
    both = items(expression, 'join');
    relation = of(both{1}) * of(both{2});
elseif isfield(expression, 'left_join')
    both = items(expression, 'left_join');
    relation = join(of(both{1}), of(both{2}), 'Left', true);
elseif isfield(expression, 'extend')
    both = items(expression, 'extend');
    relation = extend(of(both{1}), of(both{2}));
elseif isfield(expression, 'union')
    both = items(expression, 'union');
    relation = of(both{1}) + of(both{2});
elseif isfield(expression, 'universal_set')
    names = texts(expression.universal_set);
    relation = levada.U(names{:});
elseif isfield(expression, 'top')
    offset = 0;
    if isfield(expression, 'offset')
        offset = expression.offset;
    end
    relation = of(expression.top) & levada.Top(expression.limit, texts(expression.order), offset);
end
end

function condition = conditionOf(connection, schemaName, given)
if ischar(given) || islogical(given)
    condition = given;
elseif isfield(given, 'equal')
    condition = structfun(@conditionValue, given.equal, 'UniformOutput', false);
elseif isfield(given, 'any')
    condition = unionOf(cellfun(@(c) conditionOf(connection, schemaName, c), items(given, 'any'), 'UniformOutput', ...
        false));
elseif isfield(given, 'all')
    condition = cellfun(@(c) conditionOf(connection, schemaName, c), items(given, 'all'), 'UniformOutput', false);
elseif isfield(given, 'not')
    condition = levada.Not(conditionOf(connection, schemaName, given.not));
else
    condition = relationOf(connection, schemaName, given.relation);
end
end

function condition = unionOf(conditions)
% Structs of the same fields as a struct array, others by |.
if isempty(conditions)
    condition = repmat(struct('none', 1), 0, 1);
elseif all(cellfun(@(c) isstruct(c) && isequal(fieldnames(c), fieldnames(conditions{1})), conditions))
    condition = vertcat(conditions{:});
else
    condition = levada.AnyOf(conditions);
end
end

function value = conditionValue(given)
if isstruct(given) && numel(given) > 1
    value = arrayfun(@(v) native(v, true), given, 'UniformOutput', false);
elseif iscell(given)
    value = cellfun(@(v) native(v, true), given, 'UniformOutput', false);
else
    value = native(given, true);
end
end

% --------------------------------------------------------------------------------------------------- values

function found = items(parent, field)
% Return a list of JSON as a cell, because jsondecode turns some lists into struct arrays and vectors.
found = {};
if isfield(parent, field)
    value = parent.(field);
    if iscell(value)
        found = reshape(value, 1, []);
    elseif isstruct(value)
        found = reshape(num2cell(value), 1, []);
    elseif ischar(value)
        found = {value};
    else
        found = reshape(num2cell(value), 1, []);
    end
end
end

function names = texts(value)
names = reshape(cellstr(value), 1, []);
if isempty(value)
    names = cell(1, 0);
end
end

function value = native(given, exact)
% Make the MATLAB value that a value of a case stands for, as it is fetched with or without 'Exact'.
value = given;
if ~isstruct(given)
    return
end
switch given.kind
    case 'integer'
        value = sscanf(given.text, '%ld');
        if ~isa(value, 'int64')
            value = exactInteger(given.text);
        end
    case {'decimal', 'date', 'time', 'duration', 'datetime', 'timestamptz', 'uuid'}
        value = given.text;
    case 'json'
        value = jsondecode(given.text);
    case 'bytes'
        value = uint8(sscanf(given.hex, '%2x')');
    otherwise
        value = within(given, exact);
end
end

function value = within(given, exact)
% Make a value within a blob; 'Exact' has structs for the kinds that MATLAB does not have.
value = given;
if ~isstruct(given)
    return
end
inner = @(field) cellfun(@(v) within(v, exact), items(given, field), 'UniformOutput', false);
switch given.kind
    case 'null'
        value = [];
    case 'float'
        value = str2double(given.text);
        if strcmp(given.text, '-0.0')
            value = -0;
        end
    case 'complex'
        value = complex(real_(given.real), real_(given.imaginary));
    case 'list'
        value = inner('values');
    case {'tuple', 'set', 'frozen_set'}
        value = inner('values');
        if exact
            value = struct('levada_type', given.kind, 'values', {value});
        end
    case 'map'
        value = mapOf(texts(given.keys), inner('values'), exact);
    case 'any_map'
        value = anyMapOf(inner('keys'), inner('values'), exact);
    case 'array'
        value = arrayOf(given);
    case 'scalar'
        value = arrayOf(setfield(given, 'shape', [1 1])); %#ok<SFLD>
    case 'cells'
        value = reshape(inner('values'), reshape(given.shape, 1, []));
    case 'structs'
        fields = texts(given.fields);
        values = reshape(inner('values'), numel(fields), []);
        value = reshape(cell2struct(values, fields, 1), reshape(given.shape, 1, []));
    case 'sparse'
        value = sparse(given.rows, given.columns, given.values, given.shape(1), given.shape(2));
    case 'char_matrix'
        value = char(texts(given.rows));
    case 'instants'
        value = instantsOf(given, exact);
    otherwise
        value = standIn(given, exact);
end
end

function value = mapOf(keys, values, exact)
isField = cellfun(@(k) ~isempty(regexp(k, '^[A-Za-z]\w{0,62}$', 'once')), keys);
if all(isField) && ~(~isempty(keys) && strcmp(keys{1}, 'levada_type'))
    value = cell2struct(reshape(values, [], 1), reshape(keys, [], 1), 1);
elseif exact
    value = struct('levada_type', 'map', 'keys', {keys}, 'values', {values});
elseif any(cellfun(@isempty, keys)) && exist('OCTAVE_VERSION', 'builtin')
    value = struct('key', keys, 'value', values);
else
    value = containers.Map('KeyType', 'char', 'ValueType', 'any');
    for index = 1:numel(keys)
        value(keys{index}) = values{index};
    end
end
end

function value = anyMapOf(keys, values, exact)
if exact
    value = struct('levada_type', 'any_map', 'keys', {keys}, 'values', {values});
elseif all(cellfun(@(k) isnumeric(k) && isscalar(k), keys))
    value = containers.Map('KeyType', 'double', 'ValueType', 'any');
    for index = 1:numel(keys)
        value(double(keys{index})) = values{index};
    end
else
    value = struct('key', keys, 'value', values);
end
end

function value = instantsOf(given, exact)
% An array of NumPy's datetime64 or timedelta64 of one dimension; by default the texts that the case has.
if exact
    counts = cellfun(@(v) exactInteger(v), reshape(given.counts, [], 1));
    value = struct('levada_type', 'tensor', 'dtype', given.dtype, 'elements', counts);
else
    value = reshape(given.texts, [], 1);
end
end

function value = standIn(given, exact)
% Kinds of Python alone: a struct with 'Exact', else text, a number, or a column of bytes.
microseconds = @(days, text) int64(days) * int64(86400000000) + microsecondsOf(text);
switch given.kind
    case 'integer'
        value = exactInteger(given.text);
        if ~exact && abs(value) <= int64(2) ^ 53
            value = double(value);
        end
        return
    case 'bytes'
        value = reshape(uint8(sscanf(given.hex, '%2x')), [], 1);
        if exact
            value = struct('levada_type', 'binary', 'bytes', value);
        end
        return
end
value = given.text;
if ~exact
    return
end
switch given.kind
    case {'decimal', 'uuid', 'big_integer'}
        value = struct('levada_type', given.kind, 'text', given.text);
    case 'date'
        value = struct('levada_type', 'date', 'days', int64(dayOf(given.text)));
    case {'time', 'duration'}
        value = struct('levada_type', given.kind, 'microseconds', microsecondsOf(given.text));
    case {'datetime', 'timestamptz'}
        zone = '';
        if strcmp(given.kind, 'timestamptz')
            zone = '+00:00';
        end
        value = struct('levada_type', 'timestamp', 'microseconds', ...
            microseconds(dayOf(given.text(1:10)), given.text(12:end)), 'zone', zone);
    otherwise
        error('test:failed', 'There is no kind of value %s.', given.kind);
end
end

function day = dayOf(text)
day = datenum(sscanf(text, '%d-%d-%d')') - datenum(1970, 1, 1);
end

function number = microsecondsOf(text)
found = regexp(strrep(text, '-', ''), '^(\d+):(\d+):(\d+)(?:\.(\d+))?', 'tokens', 'once');
fraction = '0';
if numel(found) > 3 && ~isempty(found{4})
    fraction = [found{4} repmat('0', 1, 6 - numel(found{4}))];
end
number = int64(str2double(found{1})) * 3600000000 + int64(str2double(found{2})) * 60000000 + ...
    int64(str2double(found{3})) * 1000000 + int64(str2double(fraction));
if text(1) == '-'
    number = -number;
end
end

function value = real_(part)
value = part;
if ischar(part)
    value = str2double(part);
    if strcmp(part, '-0.0')
        value = -0;
    end
end
end

function value = exactInteger(text)
% Through double, the last digits of 64 bits would be lost.
negative = text(1) == '-';
digits = text(text >= '0' & text <= '9') - '0';
value = int64(0);
if ~negative && wide(text, 'uint64') > intmax('int64')
    value = wide(text, 'uint64');
    return
end
for digit = digits
    if negative
        value = value * 10 - digit;
    else
        value = value * 10 + digit;
    end
end
end

function value = arrayOf(given)
classes = struct('float64', 'double', 'float32', 'single', 'bool', 'logical', 'complex128', 'double', ...
    'complex64', 'single', 'float16', 'single');
name = given.dtype;
if isfield(classes, name)
    name = classes.(name);
end
elements = given.values;
if strncmp(given.dtype, 'complex', 7)
    elements = complex(partsOf(elements, 1), partsOf(elements, 2));
elseif iscell(elements) && any(strcmp(name, {'int64', 'uint64'}))
    elements = cellfun(@(t) wide(t, name), reshape(elements, [], 1));
elseif iscell(elements)
    elements = cellfun(@real_, reshape(elements, [], 1));
end
shape = reshape(given.shape, 1, []);
flat = feval(name, reshape(elements, [], 1));
% The last index varies fastest in a case.
value = permute(reshape(flat, [fliplr(shape), ones(1, 2 - numel(shape))]), ...
    numel([shape, ones(1, 2 - numel(shape))]):-1:1);
if numel(shape) == 1
    value = reshape(flat, [], 1);
end
end

function parts = partsOf(elements, number)
% Return the real or the imaginary parts of pairs, in which NaN, infinities and -0.0 are text.
if isempty(elements)
    parts = zeros(0, 1);
elseif iscell(elements)
    parts = cellfun(@(pair) partOf(pair, number), reshape(elements, [], 1));
else
    parts = elements(:, number);
end
end

function part = partOf(pair, number)
if iscell(pair)
    part = real_(pair{number});
else
    part = pair(number);
end
end

function value = wide(text, name)
if strcmp(name, 'uint64')
    value = uint64(0);
    for digit = text - '0'
        value = value * 10 + digit;
    end
else
    value = exactInteger(text);
end
end

function answer = same(expected, got)
% Equal in class, size and value: NaN equals NaN, 0.0 does not equal -0.0.
if isa(expected, 'containers.Map')
    answer = isa(got, 'containers.Map') && isequal(keys(expected), keys(got)) && same(values(expected), values(got));
elseif ~strcmp(class(expected), class(got)) || ~isequal(size(expected), size(got))
    answer = isempty(expected) && isempty(got) && ischar(expected) && ischar(got);
elseif iscell(expected)
    answer = all(cellfun(@same, reshape(expected, 1, []), reshape(got, 1, [])));
elseif isstruct(expected)
    answer = isequal(fieldnames(expected), fieldnames(got)) && same(struct2cell(expected), struct2cell(got));
elseif issparse(expected)
    answer = issparse(got) && isequaln(expected, got);
elseif isfloat(expected)
    answer = isreal(expected) == isreal(got) && sameFloats(real(expected), real(got)) && ...
        sameFloats(imag(expected), imag(got));
else
    answer = isequal(expected, got);
end
end

function answer = sameFloats(expected, got)
zero = expected == 0;
answer = isequaln(expected, got) && isequal(1 ./ expected(zero), 1 ./ got(zero));
end

function name = camel(reason)
words = strsplit(lower(reason), '_');
words = cellfun(@(w) [upper(w(1)), w(2:end)], words, 'UniformOutput', false);
name = [words{:}];
end
