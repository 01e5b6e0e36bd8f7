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
