function tests = testValues()
%TESTVALUES Values of Python in blobs, as MATLAB reads them; test_values.py wrote them.

tests = localfunctions();
end

function test_read(~)
table = levada.FreeTable('lab.Item');
value = @(name) fetch1(table & struct('name', name), 'value');
checkEqual(value('date'), '2026-03-01');
checkEqual(value('time'), '09:30:00.250000');
checkEqual(value('moment'), '2026-03-01 09:30:00');
checkEqual(value('zoned'), '2026-03-01 09:30:00+00:00');
checkEqual(value('span'), '-36:00:01.500000');
checkEqual(value('decimal'), '1.50');
checkEqual(value('uuid'), '01234567-89ab-cdef-0123-456789abcdef');
checkEqual(value('big'), '1606938044258990275541962092341162602522202993782792835301376');
checkEqual(value('nested'), struct('when', {{'2026-03-01', {'1.50'}}}));
checkEqual(value('frame'), struct('a', [1; 2], 'b', {{'x'; 'y'}}));
checkEqual(value('numbers'), int16([1 2 3; 4 5 6]));
checkEqual(value('small'), uint8(200));
checkEqual(value('indexed'), struct('index', {{'r1'; 'r2'}}, 'a', int64([1; 2])));
levels = value('levels');
checkEqual(fieldnames(levels), {'index'; 'second'; 'a'});
checkEqual(value('one row'), struct('a', int64(7), 'levada_type', {{'date'}}));
checkEqual(value('days'), {'2026-03-01 00:00:00'; ''});
checkEqual(value('look-alike'), struct('a', 1, 'levada_type', 'date'));
map = value('map');
checkEqual(class(map), 'containers.Map');
checkEqual(map('not a name'), 5);
byNumber = value('by number');
checkEqual(byNumber(2), 'two');
pairs = value('by pair');
checkEqual({pairs.value}, {'x'});
end

function test_copy(~)
% With 'Exact' all values go back unchanged.
table = levada.FreeTable('lab.Item');
rows = fetch(table, '*', 'Exact', true);
for index = 1:numel(rows)
    rows(index).name = ['copy of ' rows(index).name];
end
insert(table, rows, 'Exact', true);
end

function test_write_matrix(~)
insert(levada.FreeTable('lab.Item'), struct('name', 'matrix', 'value', ['ab '; 'cde']));
end

function test_read_matrix(~)
table = levada.FreeTable('lab.Item');
checkEqual(fetch1(table & 'name = "copy"', 'value'), ['ab '; 'cde']);
checkEqual(fetch1(table & 'name = "changed"', 'value'), ['x  '; 'cde']);
end

function test_json_of_numbers_that_octave_cannot_write_is_an_error(~)
for value = {int64(2)^53 + 1, {[int64(2)^53 + 1, 5]}, struct('a', {{uint64(1e18)}}), intmin('int64')}
    failure = checkError('WrongValue', @() levada.internal.values.jsonText(value{1}));
    check(~isempty(strfind(failure.message, '''text''')), failure.message);
end
checkEqual(levada.internal.values.jsonText(struct('a', int64(999999999999998), 'b', int8(-3))), '{"a":999999999999998,"b":-3}');
end
