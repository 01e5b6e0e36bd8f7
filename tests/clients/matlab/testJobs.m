function tests = testJobs()
%TESTJOBS Populate and its related methods, in the newer and the older form.

tests = localfunctions();
end

function fill()
insert(lab.Subject, struct('subject_id', {1; 2}));
insert(lab.Session, {1 1 '2026-01-05' [1 2 3]; 1 2 '2026-01-06' [4 6]; 1 3 '2026-01-07' []; 2 1 '2026-01-08' [5; 7]});
insert(lab.SessionTrial, {1 1 1 true; 1 1 2 false; 1 1 3 true; 1 2 1 true});
end

function test_populate_computes_what_is_missing(~)
fill();
[failed, errors] = populate(lab.Stat);
checkEqual(failed, struct('subject_id', 1, 'session', 3));
checkEqual(errors.message, 'Session 3 has no rate.');
checkEqual(errors.identifier, 'lab:NoRate');
checkEqual(fetchn(lab.Stat, 'mean_rate', 'ORDER BY KEY'), [2; 5; 6]);
[remaining, total] = progress(lab.Stat);
checkEqual([remaining, total], [1 4]);
check(~isempty(strfind(evalc('progress(lab.Stat)'), 'completed 3 of 4')));
row = fetch1(jobs(lab.Stat) & 'state = "error"', '*');
checkEqual({row.session, row.error_message, row.error_type}, {3, 'Session 3 has no rate.', 'NoRate'});
check(~isempty(strfind(row.error_stack, 'Stat.m')), row.error_stack);
end

function test_results_are_stale_once_their_inputs_change(~)
fill();
populate(lab.Stat, 'session < 3');
checkEqual(count(stale(lab.Stat)), 0);
checkEqual(sort(unique(fetchn(staleness(lab.Stat), 'state'))), {'fresh'});
update(lab.Session & 'subject_id = 1 and session = 2', 'rate', [8 10]);
told = fetch(stale(lab.Stat), '*');
checkEqual({told.subject_id, told.session}, {1, 2});
check(~isempty(strfind(told.reason, 'lab.Session')), told.reason);
checkEqual(count(lab.Stat & stale(lab.Stat)), 1);
end

function test_the_gateway_digests_code(~)
checkEqual(levada.internal.calls.gateway('sha256', uint8('abc')), ...
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
end

function test_recompute_compares_and_replaces_only_when_confirmed(~)
fill();
populate(lab.Stat, 'session < 3');
done = recompute(lab.Stat);
checkEqual([done.EqualCount, done.DifferentCount], [3 0]);
update(lab.Session & 'subject_id = 1 and session = 2', 'rate', [8 10]);
done = recompute(lab.Stat & stale(lab.Stat));
checkEqual([done.EqualCount, done.DifferentCount], [0 1]);
one = done.Differences;
checkEqual({one.table, one.key, one.attribute, one.stored, one.computed}, ...
    {'lab.Stat', struct('subject_id', int32(1), 'session', int16(2)), 'mean_rate', 5, 9});
shown = evalc('disp(done)');
check(~isempty(strfind(shown, 'mean_rate: 5 -> 9')), shown);
check(~isempty(strfind(shown, 'Nothing is replaced yet')), shown);
checkEqual(fetch1(lab.Stat & 'subject_id = 1 and session = 2', 'mean_rate'), 5);
checkEqual(recompute(lab.Stat, 'Tolerance', struct('mean_rate', 4)).DifferentCount, 0);
checkEqual(done.confirm(), 1);
checkEqual(fetch1(lab.Stat & 'subject_id = 1 and session = 2', 'mean_rate'), 9);
checkEqual(count(stale(lab.Stat)), 0);
checkError('InvalidRequest', @() done.confirm());
end

function test_a_result_that_somebody_else_replaced_is_not_replaced(~)
fill();
populate(lab.Stat, 'session < 3');
update(lab.Session & 'subject_id = 1 and session = 2', 'rate', [8 10]);
mine = recompute(lab.Stat);
theirs = recompute(lab.Stat & stale(lab.Stat));
checkEqual(theirs.confirm(), 1);
checkError('LeaseLost', @() mine.confirm());
end

function test_an_error_of_make_leaves_the_result_as_it_is(~)
fill();
populate(lab.Stat, 'session < 3');
update(lab.Session & 'subject_id = 1 and session = 2', 'rate', []);
try
    recompute(lab.Stat & stale(lab.Stat));
    error('test:failed', 'recompute raised nothing');
catch failure
    checkEqual(failure.identifier, 'lab:NoRate');
end
done = recompute(lab.Stat, 'SuppressErrors', true);
checkEqual([done.EqualCount, numel(done.Errors)], [2 1]);
checkEqual(done.Errors.error.identifier, 'lab:NoRate');
checkEqual(done.confirm(), 2);
checkEqual(fetch1(lab.Stat & 'subject_id = 1 and session = 2', 'mean_rate'), 5);
end

function test_populate_replaces_stale_results_when_asked(~)
fill();
populate(lab.Stat, 'session < 3');
update(lab.Session & 'subject_id = 1 and session = 2', 'rate', [8 10]);
populate(lab.Stat, 'session < 3');
checkEqual(fetch1(lab.Stat & 'subject_id = 1 and session = 2', 'mean_rate'), 5);
populate(lab.Stat, 'session < 2', 'Stale', true);
checkEqual(count(stale(lab.Stat)), 1);
[failed, errors] = populate(lab.Stat, 'session < 3', 'Stale', true);
checkEqual({numel(failed), numel(errors)}, {0, 0});
checkEqual(fetch1(lab.Stat & 'subject_id = 1 and session = 2', 'mean_rate'), 9);
checkEqual(count(stale(lab.Stat)), 0);
end

function test_parts_are_compared_and_replaced(~)
fill();
populate(lab.TrialCount);
insert(lab.SessionTrial, {1 1 4 true});
done = recompute(lab.TrialCount & 'session = 1');
names = sort({done.Differences.attribute});
check(any(strcmp(names, 'number')), strjoin(names));
done.confirm();
checkEqual(fetch1(lab.TrialCount & 'subject_id = 1 and session = 1', 'number'), 4);
end

function test_a_make_that_changes_rows_is_not_computed_beside_its_result(~)
fill();
count(lab.Trip);
levada.config('wandering', 'transaction');
restoring = onCleanup(@() levada.config('wandering', ''));
populate(lab.Wanderer, 'subject_id = 2');
checkError('PreconditionFailed', @() recompute(lab.Wanderer));
checkEqual(count(lab.Wanderer), 1);
end

function test_without_outputs_the_first_error_ends_it_and_is_tried_again(~)
fill();
try
    populate(lab.Stat);
    error('test:failed', 'populate raised nothing');
catch failure
    checkEqual(failure.identifier, 'lab:NoRate');
end
update(lab.Session & 'session = 3', 'rate', [8 10]);
populate(lab.Stat);
checkEqual(fetch1(lab.Stat & 'session = 3', 'mean_rate'), 9);
end

function test_parpopulate_goes_on_and_leaves_failures_alone(~)
fill();
parpopulate(lab.Stat);
checkEqual(count(lab.Stat), 3);
update(lab.Session & 'session = 3', 'rate', [8 10]);
parpopulate(lab.Stat);
checkEqual(count(lab.Stat), 3);
populate(lab.Stat);
checkEqual(count(lab.Stat), 4);
end

function test_restrictions_and_limits_of_populate(~)
fill();
populate(lab.Stat, 'subject_id = 2');
checkEqual(count(lab.Stat), 1);
populate(lab.Stat, struct('subject_id', 1), 'session < 3', 'MaxCalls', 1);
checkEqual(count(lab.Stat), 2);
[remaining, total] = progress(lab.Stat, 'subject_id = 1', 'session < 3');
checkEqual([remaining, total], [1 2]);
text = evalc('populate(lab.Stat, ''session < 3'', ''Display'', true)');
check(~isempty(strfind(text, 'success lab.Stat')), text);
checkError('InvalidRequest', @() populate(lab.Stat & 'session = 1'));
checkError('InvalidRequest', @() populate(levada.FreeTable('lab.Stat')));
end

function test_failed_jobs_are_retried_ignored_and_counted(~)
fill();
populate(lab.Stat, 'SuppressErrors', true);
checkEqual(progress(jobs(lab.Stat)), ...
    struct('pending', 0, 'reserved', 0, 'success', 3, 'error', 1, 'ignored', 0, 'total', 4));
checkEqual(fetch1(errors(jobs(lab.Stat)), 'error_type'), 'NoRate');
checkEqual(count(completed(jobs(lab.Stat))), 3);
checkEqual(ignore(jobs(lab.Stat) & 'session = 3'), 1);
checkEqual(fetch1(ignored(jobs(lab.Stat)), 'session'), 3);
populate(lab.Stat);
checkEqual(count(lab.Stat), 3);
checkEqual(retry(jobs(lab.Stat) & 'session < 3'), 0);
checkEqual(retry(jobs(lab.Stat)), 1);
checkEqual([count(pending(jobs(lab.Stat))), count(reserved(jobs(lab.Stat)))], [1 0]);
update(lab.Session & 'session = 3', 'rate', [8 10]);
populate(lab.Stat, 'ReserveJobs', true);
checkEqual(count(lab.Stat), 4);
end

function test_deleting_a_failed_job_retries_it(~)
fill();
parpopulate(lab.Stat);
update(lab.Session & 'session = 3', 'rate', [8 10]);
checkEqual(del(errors(jobs(lab.Stat))), 1);
parpopulate(lab.Stat);
checkEqual(count(lab.Stat), 4);
end

function test_the_job_of_a_key_can_be_ignored_before_it_exists(~)
fill();
checkEqual(ignore(jobs(lab.Stat), struct('subject_id', 1, 'session', 3)), 1);
populate(lab.Stat);
checkEqual(count(lab.Stat), 3);
end

function test_cancelled_jobs_are_errors_and_their_results_are_refused(connection)
fill();
count(lab.Stat);
refresh(jobs(lab.Stat));
session = levada.internal.jobs.WorkerSession(connection);
ending = onCleanup(@() session.close());
leases = session.reserve(struct('names', {{tableName(lab.Stat)}}, 'max_jobs', 1));
checkEqual(numel(leases), 1);
checkEqual(count(reserved(jobs(lab.Stat))), 1);
checkEqual(cancel(jobs(lab.Stat)), 1);
checkEqual([count(reserved(jobs(lab.Stat))), count(errors(jobs(lab.Stat)))], [0 1]);
job = levada.internal.jobs.runJob(connection, lab.Stat, leases{1}, '', @(~) false, false, {}, [], {});
outcome = levada.internal.jobs.completeJobs(connection, {job}, 1);
checkEqual(outcome{1}.identifier, 'levada:LeaseLost');
end

function test_jobs_are_refreshed_with_a_priority_and_a_delay(~)
fill();
counts = refresh(jobs(lab.Stat), 'subject_id = 99');
checkEqual(counts, struct('added', 0, 'removed', 0, 'reset', 0));
counts = refresh(jobs(lab.Stat), 'session = 2', 'Priority', 1);
checkEqual(counts, struct('added', 1, 'removed', 0, 'reset', 0));
counts = refresh(jobs(lab.Stat), 'Delay', 3600);
checkEqual(counts.added, 3);
checkEqual(fetch1(jobs(lab.Stat) & 'session = 2', 'priority'), 1);
checkEqual(count(atLeast(jobs(lab.Stat), 1)), 1);
del(lab.Session & 'session = 2');
populate(lab.Stat, 'Refresh', false);
checkEqual(count(lab.Stat), 0);
end

function test_populate_takes_keys_order_limit_and_priority(~)
fill();
populate(lab.Stat, 'Keys', struct('subject_id', {}, 'session', {}));
checkEqual(count(lab.Stat), 0);
populate(lab.Stat, 'Keys', struct('subject_id', {1; 2}, 'session', {2; 1}), 'MaxCalls', 1);
checkEqual(count(lab.Stat), 1);
populate(lab.Stat, 'Keys', struct('subject_id', {1; 2}, 'session', {2; 1}));
checkEqual(count(lab.Stat), 2);
text = evalc('populate(lab.TrialCount, ''Order'', ''reverse'', ''Limit'', 2, ''Display'', true)');
checkEqual(regexp(text, '"session":(\d)', 'tokens'), {{'2'}, {'1'}});
checkEqual(count(lab.TrialCount), 2);
populate(lab.TrialCount, 'Order', 'random');
checkEqual(count(lab.TrialCount), 3);
checkError('InvalidRequest', @() populate(lab.Stat, 'Order', 'backwards'));
end

function test_less_urgent_jobs_are_not_taken(~)
fill();
refresh(jobs(lab.Stat), 'subject_id = 1', 'Priority', 7);
populate(lab.Stat, 'Priority', 3);
checkEqual(fetchn(lab.Stat, 'subject_id'), 2);
end

function test_a_make_in_three_parts_takes_further_inputs(~)
fill();
levada.config('sliced_change', 'no');
populate(lab.Sliced);
checkEqual(fetchn(lab.Sliced, 'mean_rate', 'ORDER BY KEY'), [2; 5; 6]);
del(lab.Sliced);
populate(lab.Sliced, 'session = 2', 'MakeInputs', {10});
checkEqual(fetch1(lab.Sliced, 'mean_rate'), 50);
end

function test_the_result_of_inputs_that_changed_meanwhile_is_refused(~)
fill();
levada.config('sliced_change', 'yes');
[~, errors] = populate(lab.Sliced, 'session = 2');
checkEqual(unique({errors.identifier}), {'levada:InputsChanged'});
checkEqual(count(lab.Sliced), 0);
levada.config('sliced_change', 'no');
populate(lab.Sliced, 'session = 2');
checkEqual(fetch1(lab.Sliced, 'mean_rate'), 150);
end

function test_a_make_reads_what_lies_upstream_of_its_key(~)
fill();
schema = lab.getSchema();
makeContract(schema, 'on');
populate(lab.Downstream);
checkEqual(fetchn(lab.Downstream, 'trials', 'ORDER BY KEY'), [3; 1; 0; 0]);
checkError('InvalidRequest', @() upstream(lab.Downstream));
end

function test_inputs_of_several_keys_come_at_once(~)
insert(lab.Subject, struct('subject_id', 1));
insert(lab.Session, struct('subject_id', 1, 'session', num2cell((1:12)'), 'day', '2026-01-05', 'rate', ...
    num2cell([1:12; 2:13]', 2)));
levada.config('eager_hits', 0);
levada.config('eager_odd', 0);
populate(lab.Eager);
checkEqual(fetchn(lab.Eager, 'mean_rate', 'ORDER BY session'), (1.5:12.5)');
check(levada.config('eager_hits') > 0, 'no read came ahead');
checkEqual(count(stale(lab.Eager)), 0);
checkEqual(unique(fetchn(staleness(lab.Eager), 'state')), {'fresh'});
update(lab.Session & 'session = 8', 'rate', [5 5]);
checkEqual(fetchn(stale(lab.Eager), 'session'), 8);
del(lab.Eager);
levada.config('eager_hits', 0);
populate(lab.Eager, 'Prefetch', false);
checkEqual([count(lab.Eager), levada.config('eager_hits')], [12 0]);
end

function test_reads_are_equal_only_with_values_of_one_class(~)
read = @(value) struct('method', 'count', 'message', struct('relation', struct('nodes', {{}}, 'conditions', ...
    {{struct('mapping', struct('entries', {{struct('name', 'a', 'value', {value})}}))}})));
same = @levada.internal.jobs.Prefetch.isSame;
checkEqual([same(read('A'), read('A')), same(read('A'), read(int64(65))), same(read(true), read(int64(1)))], ...
    [true false false]);
end

function test_a_read_that_differs_from_the_expected_one_is_asked_for(~)
insert(lab.Subject, struct('subject_id', 1));
insert(lab.Session, struct('subject_id', 1, 'session', num2cell((1:12)'), 'day', '2026-01-05', 'rate', ...
    num2cell([1:12; 2:13]', 2)));
levada.config('eager_hits', 0);
levada.config('eager_odd', 8);
restoring = onCleanup(@() levada.config('eager_odd', 0));
populate(lab.Eager);
expected = (1.5:12.5)';
expected(8) = 1.5;
checkEqual(fetchn(lab.Eager, 'mean_rate', 'ORDER BY session'), expected);
end

function test_progress_is_shown_in_one_line(~)
fill();
text = evalc('parpopulate(lab.Stat, ''Progress'', true)');
check(~isempty(strfind(text, 'lab.Stat: [')), text);
check(~isempty(strfind(text, '4 of 4, 1 failed')), text);
checkEqual(text(end), char(10));
end

function test_makeTuples_popRel_and_parts_in_the_older_way(~)
fill();
populate(lab.TrialCount);
checkEqual(fetchn(lab.TrialCount, 'number', 'ORDER BY KEY'), [3; 1; 0]);
checkEqual(fetchn(lab.TrialCountCorrect, 'trial', 'ORDER BY KEY'), [1; 3; 1]);
checkEqual(fullTableName(lab.TrialCountCorrect), '`lab`.`trial_count__correct`');
checkEqual(count(getKeySource(lab.TrialCount)), 3);
checkEqual(primaryKey(getKeySource(lab.Stat)), {'subject_id', 'session'});
del(lab.TrialCount & 'session = 2');
populate(lab.TrialCount);
checkEqual(count(lab.TrialCount), 3);
end

function test_a_key_source_at_fault_is_a_warning_until_it_is_used(~)
fill();
levada.config('chosen_sessions', 'sesion = 2');
lastwarn('');
checkEqual(count(lab.Chosen), 0);
told = lastwarn();
check(~isempty(strfind(told, 'key source is at fault')) && ~isempty(strfind(told, 'sesion')), told);
checkError('UnknownAttribute', @() progress(lab.Chosen));
checkError('UnknownAttribute', @() populate(lab.Chosen));
levada.config('chosen_sessions', 'session = 2');
populate(lab.Chosen);
checkEqual(fetchn(lab.Chosen, 'session'), 2);
[remaining, total] = progress(levada.FreeTable('lab.Chosen'));
checkEqual([remaining, total], [0 1]);
end

function test_a_make_that_inserts_nothing_is_asked_again(~)
fill();
text = evalc('populate(lab.Patient, ''Display'', true)');
check(~isempty(strfind(text, 'unready lab.Patient')), text);
checkEqual(count(lab.Patient), 3);
checkEqual(fetch1(jobs(lab.Patient) & 'state = "pending"', 'error_type'), 'NothingInserted');
update(lab.Session & 'session = 3', 'rate', [8 10]);
populate(lab.Patient);
checkEqual(count(lab.Patient), 4);
end

function test_a_class_says_how_often_its_jobs_are_tried(~)
fill();
levada.config('flaky_calls', 0);
[~, errors] = populate(lab.Flaky, 'subject_id = 2');
checkEqual({errors.message}, {'Call 1 fails.', 'Call 2 fails.'});
checkEqual(fetch1(lab.Flaky, 'calls'), 3);
checkEqual(fetch1(jobs(lab.Flaky) & 'subject_id = 2', 'attempt'), 3);
end

function test_a_job_whose_server_was_lost_is_tried_again_without_being_an_error(~)
fill();
levada.config('unlucky_calls', 0);
levada.config('unlucky_times', 2);
[~, errors] = populate(lab.Unlucky, 'subject_id = 2');
checkEqual(numel(errors), 0);
checkEqual(fetch1(lab.Unlucky, 'calls'), 3);
checkEqual(fetch1(jobs(lab.Unlucky) & 'subject_id = 2', 'attempt'), 3);
levada.config('unlucky_times', 100);
[~, errors] = populate(lab.Unlucky, 'subject_id = 1 and session = 1');
checkEqual({errors.message}, {'The server is out of reach, call 8.'});
checkEqual(fetch1(jobs(lab.Unlucky) & 'state = "error"', 'attempt'), 5);
end

function test_direct_inserts_are_refused(~)
fill();
row = struct('subject_id', 1, 'session', 1, 'mean_rate', 5);
failure = checkError('PermissionDenied', @() insert(lab.Stat, row));
insert(lab.Stat, row, 'AllowDirectInsert', true);
checkEqual(count(lab.Stat), 1);
end

function test_a_make_sees_what_it_inserted(connection)
fill();
[failed, errors] = populate(lab.Reader);
checkEqual(errors.identifier, 'lab:Late');
checkEqual(failed.session, 3);
check(~connection.inTransaction());
checkEqual(fetchn(lab.Reader, 'number', 'ORDER BY KEY'), [5; 5; 5]);
checkEqual(count(lab.ReaderPart), 15);
check(all(strcmp(fetchn(jobs(lab.Reader) & 'session < 3', 'state'), 'success')));
end

function test_a_make_that_is_held_to_the_contract_inserts_into_its_own_tables_alone(connection)
fill();
count(lab.Stray);
levada.internal.api.updateSchema(connection, struct('name', 'lab', 'make_contract', 'MAKE_CONTRACT_ON'));
[~, errors] = populate(lab.Stray, 'session = 1');
checkEqual(unique({errors.identifier}), {'levada:MakeContract'});
checkEqual(count(lab.Subject), 2);
checkEqual(count(lab.Stray), 0);
end

function test_a_breach_of_the_contract_is_warned_of_once_for_each_connection(connection)
fill();
insert(lab.Session, [repmat({2}, 10, 1), num2cell((11:20)'), repmat({'2026-01-09' []}, 10, 1)]);
count(lab.Trip);
keeping = onCleanup(@() levada.internal.calls.defaultConnection(connection));
words = {'count', 'reads `lab.Trip`'; 'fetch', 'reads `lab.Trip`'; 'transaction', 'reads `lab.Trip`'; ...
    'insert', 'writes into `lab.Subject`'; 'block', 'opens a transaction'};
for index = 1:size(words, 1)
    levada.config('wandering', words{index, 1});
    other = levada.connect(connection.Address);
    keys = {sprintf('session = %d', 9 + 2 * index), sprintf('session = %d', 10 + 2 * index)};
    text = evalc('populate(lab.Wanderer, keys{1})');
    check(numel(strfind(text, words{index, 2})) == 1, [words{index, 1} ': ' text]);
    check(numel(strfind(text, 'warning: make of')) == 1, text);
    checkEqual(evalc('populate(lab.Wanderer, keys{2})'), '');
    other.close();
end
levada.internal.calls.defaultConnection(connection);
checkEqual(count(lab.Wanderer), 10);
end

function test_a_make_that_is_held_to_the_contract_opens_no_transaction(connection)
fill();
count(lab.Wanderer);
levada.internal.api.updateSchema(connection, struct('name', 'lab', 'make_contract', 'MAKE_CONTRACT_ON'));
levada.config('wandering', 'block');
[~, errors] = populate(lab.Wanderer, 'session = 1');
checkEqual(unique({errors.identifier}), {'levada:MakeContract'});
checkEqual(count(lab.Wanderer), 0);
end

function test_the_make_of_a_cancelled_job_ends_with_its_next_request(connection)
fill();
count(lab.Wanderer);
lease = struct('table', tableName(lab.Wanderer), 'job_id', 1, 'lease_token', 'cancelled');
work = levada.internal.jobs.JobWork(connection, lease, @(token) strcmp(token, 'cancelled'), '', false);
before = levada.internal.jobs.currentWork(work);
restoring = onCleanup(@() levada.internal.jobs.currentWork(before));
failure = checkError('LeaseLost', @() count(lab.Session));
check(~isempty(strfind(failure.message, 'cancelled')), failure.message);
checkError('LeaseLost', @() insert(lab.Wanderer, {1 1 1}));
end

function test_a_worker_computes_until_all_is_done(~)
fill();
levada.worker({lab.Stat, lab.TrialCount}, 'Drain', true, 'Display', false);
checkEqual([count(lab.Stat), count(lab.TrialCount)], [3 3]);
insert(lab.Session, {2 2 '2026-01-09' 1:3});
text = evalc('levada.worker(''lab'', ''Drain'', true)');
checkEqual(count(lab.Stat), 4);
check(~isempty(strfind(text, 'success `lab`.`stat`')), text);
checkError('InvalidRequest', @() levada.worker(lab.Subject));
end

function test_jobs_are_not_part_of_transactions(connection)
fill();
count(lab.Stat);
connection.startTransaction();
checkError('PreconditionFailed', @() populate(lab.Stat));
connection.cancelTransaction();
end

function test_a_protected_make_is_an_error_that_says_what_to_do(~)
fill();
failure = checkError('InvalidDefinition', @() populate(lab.Guarded));
check(~isempty(strfind(failure.message, 'protected')) && ~isempty(strfind(failure.message, 'makeTuples')), ...
    failure.message);
checkError('InvalidDefinition', @() levada.worker(lab.Guarded, 'Drain', true));
end

function test_a_make_may_insert_arrays_of_mixed_classes(~)
fill();
populate(lab.Waves);
checkEqual(fetchn(lab.Waves & struct('subject_id', 1, 'session', 1), 'wave', 'ORDER BY n', 'LIMIT 2'), [1 2 3; 300 0 0.5]);
end

function test_new_rows_are_discovered_by_hand(~)
fill();
rows = struct('subject_id', {1; 2; 1}, 'name', {'a'; 'b'; 'a'}, 'size', {5; 6; 7});
levada.config('found_rows', rows);
checkEqual(discoverNow(lab.Found), 2);
checkEqual(discoverNow(lab.Found), 0);
checkEqual(fetch(lab.Found, '*'), struct('subject_id', {1; 2}, 'name', {'a'; 'b'}, 'size', {int64(5); int64(6)}));
levada.config('found_rows', {1 'c' 8; 2 'c' 9});
checkEqual(discoverNow(lab.Found), 2);
levada.config('found_rows', repmat(rows, 0, 1));
checkEqual(discoverNow(lab.Found), 0);
checkError('InvalidRequest', @() discoverNow(lab.Subject));
end

function test_a_discovered_row_that_is_refused_does_not_hold_the_others_back(~)
fill();
levada.config('found_rows', {1 'a' 5; 9 'no subject' 5; 8 'nor here' 5; 2 'b' 5});
failure = checkError('MissingParent', @() discoverNow(lab.Found));
check(~isempty(strfind(failure.message, 'This and 1 other row were refused.')), failure.message);
checkEqual(count(lab.Found), 2);
end

function test_a_failing_discover_is_on_record(connection)
fill();
levada.config('found_rows', 'The share is away.');
try
    discoverNow(lab.Found);
    failure = struct('identifier', 'none');
catch failure
end
checkEqual(failure.identifier, 'lab:Away');
answer = levada.internal.api.listDiscoveries(connection, struct('schema', 'lab'));
told = answer.discoveries{1};
checkEqual({told.state, told.error.type, told.error.message}, {'JOB_STATE_ERROR', 'Away', 'The share is away.'});
check(~isempty(strfind(told.error.stack, 'Found.m')), told.error.stack);
end

function test_one_at_a_time_looks_for_rows(connection)
fill();
levada.config('found_rows', {1 'a' 5});
count(lab.Found);
session = levada.internal.jobs.WorkerSession(connection);
check(~isempty(session.reserveDiscovery(lab.Found, true)));
failure = checkError('PreconditionFailed', @() discoverNow(lab.Found));
check(~isempty(strfind(failure.message, 'at this moment')), failure.message);
session.close();
checkEqual(discoverNow(lab.Found), 1);
connection.startTransaction();
checkError('PreconditionFailed', @() discoverNow(lab.Found));
connection.cancelTransaction();
table = lab.Found;
for wrong = {NaN, Inf, 'often', [1 2]}
    table.discoverEvery = wrong{1};
    checkError('InvalidDefinition', @() discoverNow(table));
end
end

function test_a_lease_that_was_lost_with_its_answer_is_handed_out_again(connection)
fill();
levada.config('found_rows', {1 'a' 5});
count(lab.Found);
session = levada.internal.jobs.WorkerSession(connection);
lost = session.reserveDiscovery(lab.Found, false);
again = session.reserveDiscovery(lab.Found, false);
check(~isempty(again) && ~strcmp(again.lease_token, lost.lease_token));
outcome = levada.internal.jobs.runDiscovery(lab.Found, again, 0);
checkEqual({outcome.state, count(lab.Found)}, {'success', 1});
check(isempty(session.reserveDiscovery(lab.Found, false)));
session.close();
end

function test_a_discovery_whose_table_is_dropped_meanwhile_is_lost(connection)
fill();
count(lab.Found);
session = levada.internal.jobs.WorkerSession(connection);
crew = levada.internal.jobs.Refresher({lab.Found});
levada.config('found_rows', @() rowsOfNoTable());
said = containers.Map();
crew.lookForRows(session, @(name, outcome) keep(said, outcome.state));
checkEqual(said.keys(), {'lost'});
session.close();
end

function rows = rowsOfNoTable()
drop(lab.Found);
rows = {1 'a' 5};
end

function test_a_worker_discovers_rows_and_computes_what_they_make_possible(~)
fill();
levada.config('found_rows', {1 'a' 5; 2 'b' 6});
said = evalc('levada.worker({lab.Found, lab.FoundSize}, ''Drain'', true)');
check(~isempty(strfind(said, 'discover: 2 new rows')), said);
checkEqual(fetchn(lab.FoundSize, 'twice', 'ORDER BY KEY'), int64([10; 12]));
end

function test_a_worker_may_discover_alone(~)
fill();
levada.config('found_rows', {1 'a' 5});
levada.worker(lab.Found, 'Drain', true, 'Display', false);
checkEqual(count(lab.Found), 1);
checkError('InvalidRequest', @() levada.worker(lab.Subject, 'Drain', true));
end

function test_a_discover_that_leaves_a_transaction_open_is_an_error(connection)
fill();
levada.config('found_rows', @() rowsInTransaction(connection));
failure = checkError('PreconditionFailed', @() discoverNow(lab.Found));
check(~isempty(strfind(failure.message, 'leaves a transaction open')), failure.message);
check(~connection.inTransaction());
answer = levada.internal.api.listDiscoveries(connection, struct('schema', 'lab'));
checkEqual(answer.discoveries{1}.state, 'JOB_STATE_ERROR');
levada.config('found_rows', {1 'a' 5});
checkEqual(discoverNow(lab.Found), 1);
end

function rows = rowsInTransaction(connection)
connection.startTransaction();
rows = {1 'a' 5};
end

function test_a_table_whose_discovery_is_refused_is_left_out(connection)
fill();
count(lab.Found);
crew = levada.internal.jobs.Refresher({lab.Found});
request = struct('name', tableName(lab.Found));
refusing = struct('reserveDiscovery', @(varargin) levada.internal.api.describeTable(connection, request));
drop(lab.Found);
said = containers.Map();
crew.lookForRows(refusing, @(name, outcome) keep(said, outcome.state));
checkEqual(said.keys(), {'refused'});
checkEqual(numel(crew.Discovering), 0);
checkEqual(crew.reservation(true), []);
end

function test_a_server_that_refuses_all_discoveries_is_asked_again_later(connection)
fill();
count(lab.Found);
crew = levada.internal.jobs.Refresher({lab.Found});
asked = containers.Map();
busy = struct('reserveDiscovery', @(varargin) refuse(asked));
said = containers.Map();
crew.lookForRows(busy, @(name, outcome) keep(said, outcome.state));
crew.lookForRows(busy, @(name, outcome) keep(said, outcome.state));
checkEqual({said.keys(), asked('asked')}, {{'refused'}, 1});
checkEqual(numel(crew.Discovering), 1);
checkEqual(crew.reservation(true), []);
end

function keep(said, word)
number = 0;
if isKey(said, word)
    number = said(word);
end
said(word) = number + 1;
end

function lease = refuse(asked)
keep(asked, 'asked');
lease = [];
levada.internal.calls.gateway('raise', 'LIMIT_REACHED', 'There are too many calls.', '');
end

function test_a_session_that_is_forgotten_sends_no_more_heartbeats(connection)
first = levada.internal.calls.gateway('beatStart', connection.Channel, 'none', 1000);
session = levada.internal.jobs.WorkerSession(connection);
checkEqual(beatsFrom(first), 2);
clear session
checkEqual(beatsFrom(first), 1);
levada.internal.calls.gateway('beatStop', first);
end

function number = beatsFrom(first)
number = 0;
for id = first:first + 20
    try
        levada.internal.calls.gateway('beatReport', id);
        number = number + 1;
    catch
    end
end
end

function test_the_end_of_a_discovery_is_recorded_however_long_the_server_is_away(~)
connection = AwayConnection();
levada.config('away_connection', connection);
crew = levada.internal.jobs.Refresher({lab.Away});
lease = struct('table', tableName(lab.Away), 'lease_token', 'x');
said = containers.Map();
crew.lookForRows(struct('reserveDiscovery', @(varargin) lease), @(name, outcome) keep(said, outcome.state));
checkEqual(said.keys(), {'success'});
checkEqual({connection.Refusals, connection.Request.lease_token}, {0, 'x'});
end

function test_a_discovery_whose_end_is_refused_is_lost(~)
connection = AwayConnection();
connection.Refusals = 1;
connection.Reason = 'PermissionDenied';
levada.config('away_connection', connection);
crew = levada.internal.jobs.Refresher({lab.Away});
lease = struct('table', tableName(lab.Away), 'lease_token', 'x');
said = containers.Map();
crew.lookForRows(struct('reserveDiscovery', @(varargin) lease), @(name, outcome) keep(said, outcome.state));
checkEqual({said.keys(), connection.Refusals}, {{'lost'}, 0});
end

function test_a_worker_goes_on_without_a_table_that_is_refused(~)
fill();
count(lab.Found);
count(lab.FoundSize);
crew = levada.internal.jobs.Refresher({lab.Stat, lab.FoundSize});
drop(lab.Stat);
failure = checkError('UnknownTable', @() crew.reservation(false));
check(crew.leaveOut(failure));
request = crew.reservation(false);
checkEqual({double(crew.byName().Count), request.names{1}.table}, {1, 'FoundSize'});
drop(lab.FoundSize);
failure = checkError('UnknownTable', @() levada.internal.api.refreshJobs(crew.connection(), ...
    struct('name', request.names{1})));
check(~crew.leaveOut(failure));  % nothing is left
check(~crew.leaveOut(struct('identifier', 'levada:UnknownTable', 'message', 'Another error.')));
end

function test_jobs_with_few_rows_are_completed_in_groups(connection)
fill();
[made, ending] = ranJobs(connection, lab.TrialCount); %#ok<ASGLU>
asked = containers.Map();
counting = struct('Limits', connection.Limits, 'request', @(varargin) requested(asked, connection, varargin));
[failures, unready] = levada.internal.jobs.completeJobs(counting, made, 1);
checkEqual({failures, unready}, {{[], [], []}, [false false false]});
checkEqual({asked.keys(), asked('JobService/CompleteFewJobs')}, {{'JobService/CompleteFewJobs'}, 1});
checkEqual(fetchn(lab.TrialCount, 'number', 'ORDER BY KEY'), [3; 1; 0]);
checkEqual(fetchn(lab.TrialCountCorrect, 'trial', 'ORDER BY KEY'), [1; 3; 1]);
end

function test_completed_jobs_with_much_nothing_or_wrong_rows_leave_the_others_alone(connection)
fill();
insert(lab.Session, {1 4 '2026-01-09' 1; 2 2 '2026-01-09' 1});
[made, ending] = ranJobs(connection, lab.Bulky); %#ok<ASGLU>
[failures, unready] = levada.internal.jobs.completeJobs(connection, made, 1);
sessions = cellfun(@(job) double(job.key.session), made);
isFailed = ~cellfun(@isempty, failures);
checkEqual({unready, isFailed}, {sessions == 3, sessions == 4});
checkEqual(failures{isFailed}.identifier, 'levada:DuplicateEntity');
checkEqual(fetchn(lab.Bulky, 'session', 'ORDER BY KEY'), [1; 2; 1; 2]);
checkEqual(cellfun(@numel, fetchn(lab.Bulky, 'content', 'ORDER BY KEY')), [3; 2^21; 3; 2^21]);
end

function [made, ending] = ranJobs(connection, table)
% Run the make of all jobs of a table, and do not complete them. The session ends with the second result.
count(table);
refresh(jobs(table));
session = levada.internal.jobs.WorkerSession(connection);
ending = onCleanup(@() session.close());
leases = session.reserve(struct('names', {{tableName(table)}}, 'max_jobs', 10));
made = cellfun(@(lease) levada.internal.jobs.runJob(connection, table, lease, '', @(~) false, false, {}, [], {}), leases, ...
    'UniformOutput', false);
end

function response = requested(asked, connection, inputs)
keep(asked, inputs{1});
response = connection.request(inputs{:});
end

function test_large_numbers_in_keys_are_shown_whole(~)
insert(lab.Large, struct('id', {intmax('int64'); 5}));
text = evalc('populate(lab.LargeCopy, ''Keys'', struct(''id'', intmax(''int64'')), ''Display'', true)');
check(~isempty(strfind(text, '{"id":9223372036854775807}')), text);
text = evalc('levada.worker(lab.LargeCopy, ''Drain'', true)');
check(~isempty(strfind(text, '{"id":5}')), text);
checkEqual(fetchn(lab.LargeCopy, 'id', 'ORDER BY KEY'), [int64(5); intmax('int64')]);
text = evalc('disp(recompute(lab.LargeCopy))');
check(~isempty(strfind(text, '2 equal')), text);
text = evalc('disp(lab.Large)');
check(~isempty(strfind(text, '9223372036854775807')), text);
end
