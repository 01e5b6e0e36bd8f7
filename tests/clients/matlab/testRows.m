function tests = testRows()
%TESTROWS Inserts, updates and deletes in the forms that users write.

tests = localfunctions();
end

function test_insert_takes_struct_arrays_cells_and_queries(~)
insert(lab.Subject, struct('subject_id', {1; 2}, 'name', {'Ann'; 'Bob'}));
insert(lab.Subject, {3 'mouse' 'Cyd' 20; 4 [] 'Dot' []});
insert(lab.Subject, {5});
checkEqual(fetchn(lab.Subject, 'name', 'ORDER BY subject_id'), {'Ann'; 'Bob'; 'Cyd'; 'Dot'; 'nameless'});
insert(lab.Subject, lab.Subject & 'subject_id > 3', 'SkipDuplicates', true);
insert(lab.Subject, repmat(struct('subject_id', 1), 0, 1));
checkEqual(count(lab.Subject), 5);
checkError('InvalidRequest', @() insert(lab.Subject, 'text'));
checkError('InvalidRequest', @() insert(lab.Subject, {1 2 3 4 5 6}));
end

function test_duplicates_are_refused_skipped_or_replaced(~)
row = struct('subject_id', 1, 'name', 'Ann');
insert(lab.Subject, row);
checkError('DuplicateEntity', @() insert(lab.Subject, row));
row.name = 'Eve';
inserti(lab.Subject, row);
insert(lab.Subject, row, 'IGNORE');
checkEqual(fetch1(lab.Subject, 'name'), 'Ann');
insert(lab.Subject, row, 'REPLACE');
checkEqual(fetch1(lab.Subject, 'name'), 'Eve');
checkError('InvalidRequest', @() insert(lab.Subject, row, 'MAYBE'));
checkError('InvalidRequest', @() insert(lab.Subject, row, 'NoSuchOption', true));
end

function test_errors_name_row_and_attribute(~)
failure = checkError('UnknownAttribute', @() insert(lab.Subject, struct('subject_id', 1, 'colour', 'red')));
check(~isempty(strfind(failure.message, '`colour`')), failure.message);
insert(lab.Subject, struct('subject_id', 1, 'colour', 'red'), 'IgnoreExtraFields', true);
failure = checkError('WrongValue', @() insert(lab.Subject, struct('subject_id', {2; 3}, 'name', {'x'; [1 2]})));
failure = checkError('WrongValue', @() insert(lab.Subject, struct('subject_id', {2; [3 4]})));
check(~isempty(strfind(failure.message, 'row 1, attribute `subject_id`')), failure.message);
failure = checkError('MissingParent', @() insert(lab.Subject, struct('subject_id', 2, 'species', 'yeti')));
failure = checkError('WrongValue', @() insert(lab.Session, {1 1 '2026-01-05' struct('f', {{1, @sin}})}));
check(~isempty(strfind(failure.message, 'row 0, attribute `rate`')), failure.message);
checkEqual(count(lab.Subject), 1);
end

function test_whole_numbers_are_checked_by_the_server(~)
checkError('ValueOutOfRange', @() insert(lab.Subject, struct('subject_id', 2^40)));
checkError('ValueOutOfRange', @() insert(lab.Subject, struct('subject_id', 1.5)));
insert(lab.Subject, struct('subject_id', {int8(5); uint32(6)}));
checkEqual(count(lab.Subject), 2);
end

function test_update_by_struct_and_by_attribute(~)
insert(lab.Subject, {1 'mouse' 'Ann' 20; 2 'rat' 'Bob' 30});
update(lab.Subject, struct('subject_id', 1, 'weight', 25, 'name', 'Eve'));
checkEqual(fetch1(lab.Subject & 'subject_id=1', 'name'), 'Eve');
update(lab.Subject & 'subject_id=2', 'weight', 31);
update(lab.Subject & 'subject_id=1', 'species');
row = fetch1(lab.Subject & 'subject_id=1', '*');
checkEqual({row.weight, row.species}, {25, []});
checkEqual(fetch1(lab.Subject & 'subject_id=2', 'weight'), 31);
checkError('NotFound', @() update(lab.Subject, struct('subject_id', 9, 'name', 'x')));
checkError('InvalidRequest', @() update(lab.Subject, 'name', 'x'));
checkError('UnknownAttribute', @() update(lab.Subject, struct('subject_id', 1, 'colour', 'red')));
insert(lab.Session, {1 1 '2026-01-05' [1 2 3]});
update(lab.Session & 'session=1', 'rate', magic(4));
checkEqual(fetch1(lab.Session, 'rate'), magic(4));
end

function test_delete_cascades_as_planned(~)
insert(lab.Subject, {1 'mouse' 'Ann' 20; 2 'rat' 'Bob' 30});
insert(lab.Session, {1 1 '2026-01-05' []; 2 1 '2026-01-06' []});
insert(lab.SessionTrial, {1 1 1 true; 1 1 2 false});
plan = del(lab.Subject & 'subject_id = 1', 'DryRun', true);
checkEqual(plan.Counts, struct('table', {'`lab`.`session__trial`'; '`lab`.`session`'; '`lab`.`subject`'}, 'count', ...
    {2; 1; 1}));
insert(lab.Session, {1 2 '2026-01-07' []});
checkError('PlanChanged', @() plan.confirm());
checkError('HasChildren', @() delQuick(lab.Subject & 'subject_id = 1'));
checkError('HasChildren', @() del(lab.SessionTrial));
checkEqual(del(lab.Subject & 'subject_id = 1'), 1);
checkEqual([count(lab.Subject), count(lab.Session), count(lab.SessionTrial)], [1 1 0]);
checkEqual(del(lab.Subject & 'subject_id = 1'), 0);
checkError('InvalidRequest', @() del(lab.Subject & struct('no_such_name', 1)));
end

function test_a_question_needs_somebody_to_answer(~)
insert(lab.Subject, struct('subject_id', 1));
confirmed = levada.internal.inputs.confirm({'about to'}, 'Sure?', false);
check(confirmed);
end

function test_a_transaction_is_kept_all_or_not_at_all(connection)
insert(lab.Subject, struct('subject_id', 1));
count(lab.Session);
connection.startTransaction();
check(connection.inTransaction());
insert(lab.Subject, struct('subject_id', 2));
insert(lab.Session, {2 1 '2026-01-05' 1:5});
checkEqual(fetch1(lab.Session, 'rate'), 1:5);
checkEqual(count(lab.Subject), 2);
connection.cancelTransaction();
checkEqual(count(lab.Subject), 1);
checkEqual(connection.transaction(@() insertTwo(connection)), 5);
checkEqual(count(lab.Subject), 3);
checkError('DuplicateEntity', @() connection.transaction(@() insertTwo(connection)));
check(~connection.inTransaction());
checkEqual(count(lab.Subject), 3);
checkError('PreconditionFailed', @() connection.commitTransaction());
end

function value = insertTwo(connection)
insert(lab.Subject, struct('subject_id', 10));
try
    connection.transaction(@() insert(lab.Subject, struct('subject_id', {11; 1})));
    error('test:failed', 'a duplicate was inserted');
catch failure
    if ~strcmp(failure.identifier, 'levada:DuplicateEntity')
        rethrow(failure)
    end
end
insert(lab.Subject, struct('subject_id', 12));
checkError('PreconditionFailed', @() connection.startTransaction());
checkError('PreconditionFailed', @() levada.internal.api.refreshJobs(connection, struct('name', struct('schema', 'lab', 'table', 'Stat'))));
value = 5;
end

function test_rows_at_fault_are_found_before_they_are_inserted(~)
insert(lab.Subject, struct('subject_id', {1; 2}));
rows = struct('subject_id', {1; 3; 2; 4}, 'session', 1, 'day', '2026-01-05');
faults = validate(lab.Session, rows);
checkEqual([faults.row], [2 4]);
checkEqual(unique({faults.identifier}), {'levada:MissingParent'});
checkEqual(count(lab.Session), 0);
insert(lab.Session, rows([1 3]));
faults = validate(lab.Session, rows);
checkEqual({faults.identifier}, strcat({'levada:'}, {'DuplicateEntity', 'MissingParent', 'DuplicateEntity', 'MissingParent'}));
checkEqual(numel(validate(lab.Subject, {9 []; 10 []})), 0);
many = struct('subject_id', num2cell((1:2500)'));
faults = validate(lab.Subject, many);
checkEqual([faults.row], [1 2]);
checkError('UnknownAttribute', @() validate(lab.Subject, struct('subject_id', 5, 'colour', 'red')));
checkEqual(numel(validate(lab.Subject, struct('subject_id', 5, 'colour', 'red'), 'IgnoreExtraFields', true)), 0);
end

function table = declared(connection, name, definition)
% Declare a table without a class.
schema = levada.Schema(connection, '', 'lab');
schema.create();
levada.internal.api.declareTable(connection, struct('name', struct('schema', 'lab', 'table', name), 'tier', ...
    'TABLE_TIER_MANUAL', 'definition', definition));
table = levada.FreeTable(connection, ['lab.' name]);
end

function test_arrays_of_mixed_classes_keep_every_row(connection)
nl = char(10);
T = declared(connection, 'Mixed', ['id : int32' nl '---' nl 'a = null : <array int16(5)>' nl ...
    'b = null : <array float64(2, 3)>' nl 'c = null : <array complex64(2)>' nl 'd = null : <array int64(2)>']);
b = reshape(1:6, 2, 3);
insert(T, struct('id', {1; 2; 3}, 'a', {int8(1:5); [300 0 0 0 1000]; logical([1 0 1 0 1])}, ...
    'b', {int8(b); b + 0.5; []}, 'c', {single([1; 2]); [1i 2]; true(0, 1)}, 'd', {int8([1 2]); int64([9007199254740993 1]); ...
    sparse([3 0])}));
checkEqual(fetchn(T, 'a', 'ORDER BY id'), [1 2 3 4 5; 300 0 0 0 1000; 1 0 1 0 1]);
rows = fetch(T, 'b', 'c', 'd', 'ORDER BY id');
checkEqual({rows.b}, {b, b + 0.5, []});
checkEqual(rows(2).c, [1i; 2]);
checkEqual({rows.d}, {int64([1; 2]), int64([9007199254740993; 1]), int64([3; 0])});
failure = checkError('ValueOutOfRange', @() insert(T, struct('id', {4; 5}, 'a', {int8(1:5); [40000 0 0 0 0]})));
check(~isempty(strfind(failure.message, 'row 1, attribute `a`')), failure.message);
checkError('ValueOutOfRange', @() update(T, struct('id', 1, 'a', [40000 0 0 0 0])));
update(T, struct('id', 1, 'b', int8(2 * b)));
checkEqual(fetch1(T & 'id = 1', 'b'), 2 * b);
checkError('WrongValue', @() insert(T, struct('id', 4, 'a', {{1 2 3 4 5}})));
end

function test_numbers_of_mixed_classes_keep_every_row(connection)
nl = char(10);
T = declared(connection, 'Scalars', ['id : int32' nl '---' nl 'f = null : float64' nl 'i = null : int64' nl ...
    'n = null : decimal(20,2)']);
insert(T, struct('id', {int8(1); 2; true; 300; sparse(4)}, 'f', {int8(5); 1e300; Inf; single(0.5); -Inf}, ...
    'i', {intmax('int64'); 5; uint8(3); true; []}, 'n', {int64(9007199254740993); 0.25; [] ; '1.50'; single(2)}), ...
    'SkipDuplicates', true);
[f, i, n] = fetchn(T, 'f', 'i', 'n', 'ORDER BY id');
checkEqual(f, [5; 1e300; -Inf; 0.5]);
checkEqual(i, {intmax('int64'); int64(5); []; int64(1)});
checkEqual(n, {'9007199254740993.00'; '0.25'; '2.00'; '1.50'});
insert(T, struct('id', {20; 21}, 'f', {-Inf; '1.5'}));
checkEqual(fetchn(T & 'id BETWEEN 20 AND 21', 'f', 'ORDER BY id'), [-Inf; 1.5]);
checkError('ValueOutOfRange', @() insert(T, struct('id', {10; 11}, 'i', {intmax('int64'); 0.5})));
checkError('ValueOutOfRange', @() insert(T, struct('id', 10, 'i', intmax('uint64'))));
end

function test_numbers_in_text_are_written_as_matlab_does(connection)
T = declared(connection, 'Words', ['word : varchar(40)' char(10) '---' char(10) 'note = null : text']);
numbers = {4711; 1e15; 0.5; single(0.1); int64(-7); -3; 'plain'; uint64(18446744073709551615)};
insert(T, struct('word', numbers, 'note', {int8(5); 2.5; NaN; []; 'x'; 1e300; 7; -0.25}));
checkEqual(sort(fetchn(T, 'word')), sort({'4711'; '1000000000000000'; '0.5'; '0.1'; '-7'; '-3'; 'plain'; ...
    '18446744073709551615'}));
checkEqual(fetch1(T & 'word = "4711"', 'note'), '5');
checkEqual(fetch1(T & 'word = "0.5"', 'note'), []);
update(T & 'word = "plain"', 'note', 4712);
checkEqual(fetch1(T & 'word = "plain"', 'note'), '4712');
failure = checkError('WrongValue', @() insert(T, struct('word', {'a'; true})));
check(~isempty(strfind(failure.message, 'row 1, attribute `word`')), failure.message);
checkError('WrongValue', @() update(T & 'word = "plain"', 'note', true));
end

function test_empty_values_of_a_blob_are_kept_by_insert_and_update(~)
insert(lab.Subject, struct('subject_id', 1));
insert(lab.Session, {1 1 '2026-01-05' zeros(0, 3); 1 2 '2026-01-06' {}; 1 3 '2026-01-07' []});
checkEqual(fetchn(lab.Session, 'rate', 'ORDER BY session'), {zeros(0, 3); {}; []});
checkEqual(count(lab.Session & 'rate IS NULL'), 1);
empty = {zeros(0, 3), {}, '', int8([]), struct('a', {}), {[]}};
for value = empty
    update(lab.Session & 'session = 3', 'rate', value{1});
    checkEqual(count(lab.Session & 'session = 3 AND rate IS NULL'), 0);
end
update(lab.Session & 'session = 3', 'rate', zeros(0, 3));
checkEqual(fetch1(lab.Session & 'session = 3', 'rate'), zeros(0, 3));
update(lab.Session & 'session = 3', 'rate', []);
checkEqual(count(lab.Session & 'session = 3 AND rate IS NULL'), 1);
failure = checkError('WrongValue', @() update(lab.Session & 'session = 3', 'rate', @sin));
check(strncmp(failure.message, 'attribute `rate`:', 17), failure.message);
end

function test_arrays_in_blobs_keep_their_class(~)
insert(lab.Subject, struct('subject_id', 1));
movie = reshape(uint8(0:23), 2, 3, 4);
stored = {movie, single([1.5 2]), int16(-3), true(2), struct('a', uint16([1 2])), single(1 + 2i), [1 2 3]};
insert(lab.Session, {1 1 '2026-01-05' stored});
checkEqual(fetch1(lab.Session, 'rate'), stored);
checkEqual(fetch1(lab.Session, 'rate', 'Exact', true), stored);
table = struct('levada_type', 'table', 'names', {{'a', 'b'}}, 'columns', {{int8([1 2; 3 4]), {'x', 'y'}}});
update(lab.Session, struct('subject_id', 1, 'session', 1, 'rate', table));
checkEqual(fetch1(lab.Session, 'rate'), struct('a', int8([1 2; 3 4]), 'b', {{'x'; 'y'}}));
end

function test_json_is_copied_without_change_by_exact(connection)
T = declared(connection, 'Documents', ['id : int32' char(10) '---' char(10) 'data = null : json']);
texts = {'[1]', '{"a b": 1}', '[[1]]', '[]', '{"n": null}', '9007199254740993', '"x"', 'null', ...
    '{"levada_type": "json", "text": "[1]"}'};
stand = @(text) struct('levada_type', 'json', 'text', text);
for index = 1:numel(texts)
    insert(T, struct('id', index, 'data', stand(texts{index})));
end
rows = fetch(T, '*', 'Exact', true);
for index = 1:numel(rows)
    rows(index).id = 100 + rows(index).id;
end
insert(T, rows);
update(T, struct('id', 101, 'data', stand('[ 1 ]')));
check(count(T) == 2 * numel(texts));
copies = fetch(T & 'id > 100', '*', 'Exact', true, 'ORDER BY id');
checkEqual({copies.data}, {rows.data});
plain = fetch(T & 'id < 100', '*', 'ORDER BY id');
checkEqual(plain(1).data, 1);
checkEqual(plain(9).data, struct('text', '[1]', 'levada_type', 'json'));
insert(T, struct('id', 200, 'data', plain(9).data));
checkEqual(fetch1(T & 'id = 200', 'data'), plain(9).data);
insert(T, struct('id', 201, 'data', struct('x', {{1, 'two'}})));
checkEqual(fetch1(T & 'id = 201', 'data'), struct('x', {{1; 'two'}}));
end

function test_errors_of_the_server_name_options_as_matlab_writes_them(~)
row = struct('subject_id', 1);
insert(lab.Subject, row);
failure = checkError('DuplicateEntity', @() insert(lab.Subject, row));
check(~isempty(strfind(failure.message, '''SkipDuplicates'', true')), failure.message);
insert(lab.Session, {1 1 '2026-01-05' []});
failure = checkError('HasChildren', @() delQuick(lab.Subject));
check(~isempty(strfind(failure.message, 'use del ')), failure.message);
insert(lab.SessionTrial, {1 1 1 true});
failure = checkError('HasChildren', @() del(lab.SessionTrial));
check(~isempty(strfind(failure.message, '''PartIntegrity'', ''cascade''')), failure.message);
failure = checkError('InvalidExpression', @() fetch(proj(lab.Subject, 'avg(weight)->x'), '*'));
check(~isempty(strfind(failure.message, 'aggr(A, B, ')), failure.message);
failure = checkError('InvalidRequest', @() fetch(levada.U('a')));
check(isempty(strfind(failure.message, 'U(...).aggr')), failure.message);
end
