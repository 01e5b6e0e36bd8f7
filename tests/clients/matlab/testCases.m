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

function test_change(connection, order)
case_ = readCase(order.file);
for step = items(case_, 'changes')
    take(connection, order.schema, step{1});
end
end

function case_ = readCase(file)
case_ = jsondecode(fileread(file));
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
    row = structfun(@(v) native(v), step.update.row, 'UniformOutput', false);
    update(tableOf(connection, schemaName, step.update.table), row);
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
    rows = fetch(relation, '*', ['ORDER BY ' strjoin(order, ', ')], 'Exact', true);
    if given(step, 'rows')
        expected = items(step, 'rows');
        checkEqual(numel(rows), numel(expected));
        for index = 1:numel(expected)
            compareRow(rows(index), expected{index});
        end
    elseif ~given(step, 'error') && ~given(step, 'count')
        checkEqual(numel(rows), 0);
    end
end
end

function answer = given(step, field)
answer = isfield(step, field) && ~isempty(step.(field));
end

function compareRow(row, expected)
checkEqual(fieldnames(row), fieldnames(expected));
for name = fieldnames(expected)'
    got = row.(name{1});
    if levada.internal.values.isStandIn(got, 'json')  % as text, in which the database writes spaces of its own
        got = jsondecode(got.text);
    end
    if ~same(native(expected.(name{1})), got)
        error('test:failed', '%s is %s, not %s', name{1}, shown(got), shown(native(expected.(name{1}))));
    end
end
end

function text = shown(value)
text = [class(value) ' ' mat2str(size(value)) ' ' regexprep(evalc('disp(value)'), '\s+$', '')];
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
for index = 1:numel(rows)
    for name = fieldnames(rows{index})'
        filled(index).(name{1}) = native(rows{index}.(name{1}));
    end
end
insert(tableOf(connection, schemaName, order.table), filled, inputs{:});
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
% The cases have structs in `any`, because a struct array holds nothing else.
if isempty(conditions)
    condition = repmat(struct('none', 1), 0, 1);
else
    condition = vertcat(conditions{:});
end
end

function value = conditionValue(given)
if isstruct(given) && numel(given) > 1
    value = arrayfun(@(v) native(v), given, 'UniformOutput', false);
elseif iscell(given)
    value = cellfun(@(v) native(v), given, 'UniformOutput', false);
else
    value = native(given);
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

function value = native(given)
% Make the MATLAB value that a value of a case stands for.
value = given;
if ~isstruct(given)
    return
end
switch given.kind
    case 'null'
        value = [];
    case 'integer'
        value = sscanf(given.text, '%ld');
        if ~isa(value, 'int64')
            value = exactInteger(given.text);
        end
    case 'float'
        value = str2double(given.text);
        if strcmp(given.text, '-0.0')
            value = -0;
        end
    case {'decimal', 'date', 'time', 'duration', 'datetime', 'timestamptz', 'uuid'}
        value = given.text;
    case 'json'
        value = jsondecode(given.text);
    case 'bytes'
        value = uint8(sscanf(given.hex, '%2x')');
    case 'complex'
        value = complex(given.real, given.imaginary);
    case 'list'
        value = cellfun(@native, items(given, 'values'), 'UniformOutput', false);
    case 'map'
        values = cellfun(@native, items(given, 'values'), 'UniformOutput', false);
        value = cell2struct(values, texts(given.keys), 2);
    case 'array'
        value = arrayOf(given);
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
classes = struct('float64', 'double', 'float32', 'single', 'bool', 'logical', 'complex128', 'double');
name = given.dtype;
if isfield(classes, name)
    name = classes.(name);
end
elements = given.values;
if iscell(elements) && ~isempty(elements) && ischar(elements{1})
    elements = cellfun(@(t) wide(t, name), reshape(elements, [], 1));
elseif strcmp(given.dtype, 'complex128')
    elements = complex(elements(:, 1), elements(:, 2));
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
% NaN equals NaN, 0.0 does not equal -0.0; a number of a row has the attribute's class.
if isnumeric(expected) && isscalar(expected) && isreal(expected) && isnumeric(got) && isscalar(got) && isreal(got)
    if isa(expected, 'uint64') && isa(got, 'uint64')
        answer = expected == got;
    elseif isinteger(expected) && isinteger(got)
        answer = int64(expected) == int64(got);
    else
        answer = isequaln(double(expected), double(got)) && isequal(1 / double(expected), 1 / double(got)) || ...
            isequaln(double(expected), double(got)) && expected ~= 0;
    end
elseif iscell(expected) && iscell(got)
    answer = numel(expected) == numel(got) && all(cellfun(@same, reshape(expected, 1, []), reshape(got, 1, [])));
elseif isstruct(expected) && isstruct(got) && isscalar(expected) && isscalar(got)
    answer = isequal(fieldnames(expected), fieldnames(got)) && ...
        all(cellfun(@same, struct2cell(expected), struct2cell(got)));
elseif isempty(expected) && isempty(got) && ischar(expected) == ischar(got) && ~isstruct(expected)
    answer = isequal(size(expected), size(got)) || ischar(expected) || prod(size(expected)) == 0 && ...
        iscell(expected) == iscell(got);
else
    answer = strcmp(class(expected), class(got)) && isequaln(expected, got);
end
end

function name = camel(reason)
words = strsplit(lower(reason), '_');
words = cellfun(@(w) [upper(w(1)), w(2:end)], words, 'UniformOutput', false);
name = [words{:}];
end
