function tests = testRelations()
%TESTRELATIONS Expressions and fetches in the forms that users write.

tests = localfunctions();
end

function fill()
insert(lab.Subject, struct('subject_id', {1; 2; 3}, 'species', {'mouse'; 'rat'; []}, 'name', {'Ann'; 'Bob'; 'Cyd'}, ...
    'weight', {20.5; NaN; 31}));
insert(lab.Session, {1 1 '2026-01-05' [1 2 3]; 1 2 '2026-01-06' []; 2 1 '2026-01-07' [5; 7]});
insert(lab.SessionTrial, struct('subject_id', 1, 'session', 1, 'trial', num2cell(0:3), 'correct', ...
    {false true false true}));
end

function test_fetch_gives_the_key_alone_and_all_attributes_by_star(~)
fill();
checkEqual(fetch(lab.Subject, 'ORDER BY subject_id'), struct('subject_id', {1; 2; 3}));
rows = fetch(lab.Subject & 'subject_id = 1', '*');
checkEqual(rows, struct('subject_id', 1, 'species', 'mouse', 'name', 'Ann', 'weight', 20.5));
rows = fetch(lab.Subject & 'subject_id = 1', 'name', 'weight*2->double');
checkEqual(rows, struct('subject_id', 1, 'name', 'Ann', 'double', 41));
end

function test_null_is_nan_for_numbers_and_empty_for_the_rest(~)
fill();
row = fetch1(lab.Subject & struct('subject_id', 2), '*');
check(isnan(row.weight));
checkEqual(fetch1(lab.Subject & struct('subject_id', 3), 'species'), []);
row = fetch(lab.Subject & struct('subject_id', 2), '*', 'Exact', true);
checkEqual(row.weight, []);
checkEqual(row.subject_id, int32(2));
checkEqual(fetchn(lab.Subject, 'weight', 'ORDER BY subject_id'), [20.5; NaN; 31]);
end

function test_fetchn_gives_vectors_cells_and_keys(~)
fill();
[names, weights, keys] = fetchn(lab.Subject, 'name', 'weight', 'ORDER BY subject_id DESC LIMIT 2');
checkEqual(names, {'Cyd'; 'Bob'});
checkEqual(weights, [31; NaN]);
checkEqual(keys, struct('subject_id', {3; 2}));
checkEqual(fetchn(lab.SessionTrial, 'correct', 'ORDER BY trial'), [false; true; false; true]);
checkError('InvalidRequest', @() fetchn(lab.Subject, '*'));
end

function test_fetch1_needs_exactly_one_entity(~)
fill();
[name, weight] = fetch1(lab.Subject & 'subject_id = 1', 'name', 'weight');
checkEqual({name, weight}, {'Ann', 20.5});
checkError('NotFound', @() fetch1(lab.Subject & 'subject_id = 9', 'name'));
checkError('InvalidRequest', @() fetch1(lab.Subject, 'name'));
end

function test_order_and_limit_in_every_form(~)
fill();
ids = @(varargin) [getfield(fetchIds(varargin{:}), 'ids')];
checkEqual(ids('ORDER BY name DESC'), [3 2 1]);
checkEqual(ids('ORDER BY name DESC LIMIT 2'), [3 2]);
checkEqual(ids('ORDER BY name LIMIT 1 OFFSET 1'), 2);
checkEqual(ids('LIMIT 2'), [1 2]);
checkEqual(ids('ORDER BY name', 'LIMIT 1'), 1);
checkEqual(ids(1), 1);
checkEqual(ids(1, 2), [2 3]);
checkError('InvalidRequest', @() fetch(lab.Subject, 'LIMIT many'));
end

function found = fetchIds(varargin)
rows = fetch(lab.Subject, varargin{:});
found.ids = [rows.subject_id];
end

function test_restriction_by_struct_cell_text_query_and_not(~)
fill();
checkEqual(count(lab.Subject & 'weight > 20'), 2);
checkEqual(count(lab.Subject & struct('name', {'Ann', 'Bob'})), 2);
checkEqual(count(lab.Subject & {'weight > 20', struct('name', 'Ann')}), 1);
checkEqual(count(lab.Subject & {'weight > 20', 'not', struct('name', 'Ann')}), 1);
checkEqual(count(lab.Subject & lab.Session), 2);
checkEqual(count(lab.Subject - lab.Session), 1);
checkEqual(count(lab.Subject & ~lab.Session), 1);
checkEqual(count(lab.Subject & levada.Not('weight > 20')), 1);
checkEqual(count(lab.Subject - 'weight > 25'), 2);
checkEqual(count(lab.Subject & struct('weight', NaN)), 1);
checkEqual(count(lab.Subject & struct('species', [])), 1);
checkEqual(count(lab.Subject & struct('subject_id', [1 3])), 2);
checkEqual(count(lab.Subject & struct('name', {{'Ann', 'Cyd'}})), 2);
checkEqual(count(lab.Subject & repmat(struct('name', 'Ann'), 0, 1)), 0);
checkEqual(count(restrict(lab.Subject, 'weight > 20', 'subject_id = 3')), 1);
checkEqual(count(lab.Subject & true), 3);
checkEqual(count(lab.Subject & levada.Top(2, 'name DESC') & 'subject_id = 3'), 1);
checkError('InvalidRequest', @() lab.Subject & 5);
end

function test_a_restricted_table_stays_a_table(~)
fill();
q = lab.Subject & 'subject_id = 3';
checkEqual(class(q), 'lab.Subject');
checkEqual(delQuick(q, true), 1);
end

function test_operators(~)
fill();
q = lab.Session * lab.Subject;
checkEqual(count(q), 3);
checkEqual(primaryKey(q), {'subject_id', 'session'});
rows = fetch(aggr(lab.Subject, lab.Session, 'count(*)->n'), '*', 'ORDER BY subject_id');
checkEqual([rows.n], int64([2 1 0]));
rows = fetch(lab.Subject, lab.Session, 'count(*)->n', 'ORDER BY subject_id');
checkEqual([rows.n], int64([2 1 0]));
checkEqual(count(aggr(lab.Subject, lab.Session, 'count(*)->n', 'KeepAllRows', false)), 2);
checkEqual(count(proj(lab.Subject & 'subject_id=1') + proj(lab.Subject & 'subject_id<3')), 2);
checkEqual(count(lab.Subject & (lab.Session | 'subject_id = 3')), 3);
checkEqual(count(lab.Subject & (lab.Session & 'session = 2' | ~lab.Session)), 2);
checkEqual(count(lab.Subject - (lab.Session & 'session = 2' | struct('name', 'Cyd') | 'subject_id = 9')), 1);
checkEqual(count(lab.Subject & ~(lab.Session | 'subject_id = 9')), 1);
checkEqual(count(lab.Subject & ~~lab.Session), 2);
checkEqual(count(lab.Subject .* lab.Session), 2);
checkEqual(count(lab.Subject / lab.Session), 1);
checkEqual(fetch(levada.U('session') & lab.Session, 'ORDER BY session'), struct('session', {1; 2}));
checkEqual(fetch1(aggr(levada.U(), lab.Session, 'count(*)->n'), 'n'), int64(3));
checkEqual(count(join(lab.Subject, lab.Species, 'Left', true)), 3);
checkEqual(fetch1(proj(lab.Subject & 'subject_id=1', 'subject_id->animal', 'name->called'), 'called'), 'Ann');
checkEqual(nonKeyFields(pro(lab.Subject, '*', '-weight')), {'species', 'name'});
checkError('UnknownAttribute', @() count(proj(lab.Subject, 'nope')));
checkError('InvalidRequest', @() lab.Subject * 5);
end

function test_exists_header_and_display(~)
check(~exists(lab.Session));
fill();
check(exists(lab.Session & 'session = 2'));
attributes = header(lab.Subject);
checkEqual({attributes.name}, {'subject_id', 'species', 'name', 'weight'});
checkEqual([attributes.iskey], [true false false false]);
checkEqual(attributes(1).comment, 'number on the ear tag');
text = evalc('disp(lab.Subject)');
check(~isempty(strfind(text, '*subject_id')) && ~isempty(strfind(text, 'Ann')) && ...
    ~isempty(strfind(text, '3 entities')), text);
check(~isempty(strfind(evalc('disp(lab.Session)'), '=BLOB=')));
end

function test_fetchtable_gives_columns(~)
fill();
columns = fetchtable(lab.Subject, 'ORDER BY subject_id');
checkEqual(columns.subject_id, [1; 2; 3]);
checkEqual(columns.name, {'Ann'; 'Bob'; 'Cyd'});
end

function test_blobs_and_dates(~)
fill();
checkEqual(fetch1(lab.Session & 'subject_id=1' & 'session=1', 'rate'), [1 2 3]);
checkEqual(fetch1(lab.Session & 'subject_id=2', 'rate'), [5; 7]);
checkEqual(fetchn(lab.Session, 'day', 'ORDER BY KEY'), {'2026-01-05'; '2026-01-06'; '2026-01-07'});
checkEqual(count(lab.Session & struct('day', '2026-01-06')), 1);
end

function test_many_keys_restrict_as_one_table(~)
insert(lab.Subject, struct('subject_id', num2cell((1:200)'), 'name', 'x'));
keys = fetch(lab.Subject & 'subject_id > 50', 'name');
checkEqual(count(lab.Subject & keys), 150);
checkEqual(count(lab.Subject - keys), 50);
end

function test_an_expression_too_deep_is_refused(~)
q = lab.Subject;
for i = 1:300
    q = q & 'subject_id > 0';
end
checkError('QueryTooDeep', @() count(q));
end

function test_rows_are_traced_to_what_they_depend_on(~)
insert(lab.Subject, struct('subject_id', {1; 2}, 'species', 'mouse'));
insert(lab.Session, struct('subject_id', {1; 1; 2}, 'session', {1; 2; 1}, 'day', '2026-01-05'));
insert(lab.SessionTrial, {1 1 1 true; 1 2 1 true; 2 1 1 false});
found = trace(lab.SessionTrial & 'subject_id = 1 and session = 2');
checkEqual(fetch(rows(found, lab.Session)), struct('subject_id', 1, 'session', 2));
checkEqual(fetchn(rows(found, 'lab.Subject'), 'subject_id'), 1);
checkEqual({counts(found).table}, {'`lab`.`species`', '`lab`.`subject`', '`lab`.`session`', '`lab`.`session__trial`'});
checkEqual([counts(found).count], [1 1 1 1]);
check(~isempty(strfind(evalc('disp(found)'), '1 in `lab`.`session`')));
checkError('InvalidRequest', @() rows(found, lab.Trip));
end

function test_rows_are_followed_to_what_depends_on_them(~)
insert(lab.Subject, struct('subject_id', {1; 2; 3}));
insert(lab.Session, struct('subject_id', {1; 1; 2}, 'session', {1; 2; 1}, 'day', '2026-01-05'));
insert(lab.SessionTrial, {1 1 1 true; 1 2 1 true; 2 1 1 false});
insert(lab.Trip, struct('first', {1; 3; 3}, 'second', {2; 1; 2}));
found = cascade(lab.Subject & 'subject_id = 1');
checkEqual([count(rows(found, lab.Session)), count(rows(found, lab.SessionTrial))], [2 2]);
checkEqual(fetch(rows(found, lab.Trip), 'ORDER BY first'), struct('first', {1; 3}, 'second', {2; 1}));
found = cascade(lab.SessionTrial & 'session = 2');
checkEqual({counts(found).table}, {'`lab`.`session__trial`'});
found = cascade(lab.SessionTrial & 'session = 2', 'PartIntegrity', 'cascade');
checkEqual(fetchn(rows(found, lab.Session), 'session'), 2);
checkError('InvalidRequest', @() cascade(lab.Subject, 'PartIntegrity', 'perhaps'));
end

function test_restrict_without_an_output_is_an_error(~)
fill();
q = lab.Subject;
checkError('InvalidRequest', @() dropped(q));
checkEqual(count(restrict(q, 'subject_id = 1')), 1);
insert(lab.Older, {1; 2});
checkEqual(count(lab.Older), 2);
end

function dropped(query)
query.restrict('subject_id = 1');
end

function test_a_query_without_entities_is_empty(~)
fill();
check(isempty(lab.Subject & 'subject_id = 99') && ~isempty(lab.Subject));
checkEqual(length(lab.Subject), count(lab.Subject));
end

function test_a_condition_says_that_it_is_no_query(~)
fill();
either = lab.Session | 'subject_id = 2';
for method = {@count, @fetch, @exists, @(c) fetch1(c, 'x'), @(c) c & 'x = 1', @(c) proj(c, 'x'), @(c) c * lab.Subject}
    failure = checkError('InvalidRequest', @() method{1}(either));
    check(~isempty(strfind(failure.message, 'A & (B | C)')), failure.message);
    checkError('InvalidRequest', @() method{1}(~lab.Subject));
end
check(count(lab.Subject & either) > 0);
end

function test_the_preview_shows_whole_numbers_whole(connection)
schema = levada.Schema(connection, '', 'lab');
schema.create();
levada.internal.api.declareTable(connection, struct('name', struct('schema', 'lab', 'table', 'Large'), 'tier', ...
    'TABLE_TIER_MANUAL', 'definition', ['id : int32' char(10) '---' char(10) 'big : int64' char(10) 'x : float64']));
T = levada.FreeTable(connection, 'lab.Large');
insert(T, {123456789 int64(9007199254740993) 0.123456789012});
shown = evalc('disp(T)');
check(~isempty(strfind(shown, '123456789 ')) && ~isempty(strfind(shown, '9007199254740993')), shown);
check(~isempty(strfind(shown, '0.12345679')), shown);
end

function test_a_table_is_named_without_a_class(~)
fill();
checkEqual(count(levada.Table('lab.Subject')), count(lab.Subject));
checkError('InvalidRequest', @() levada.Table('Subject'));
checkError('InvalidRequest', @() levada.FreeTable(5));
end
