function tests = testSchema()
%TESTSCHEMA Tables that classes declare, and tables without classes.

tests = localfunctions();
end

function test_definitions_from_a_property_and_from_the_comment_of_the_file(~)
text = describe(lab.Subject);
check(~isempty(strfind(text, 'number on the ear tag')), text);
checkEqual(primaryKey(lab.SessionTrial), {'subject_id', 'session', 'trial'});
checkEqual(fullTableName(lab.SessionTrial), '`lab`.`session__trial`');
checkEqual(primaryKey(lab.Trip), {'first', 'second'});
checkEqual(parents(lab.Session), {'`lab`.`subject`'});
own = schema(lab.Session & 'session = 1');
checkEqual({own.package, own.dbname}, {'lab', 'lab'});
free = schema(levada.FreeTable('lab.Session'));
checkEqual({free.package, free.dbname}, {'', 'lab'});
checkEqual(children(lab.Subject), {'`lab`.`session`', '`lab`.`trip`'});
checkEqual(ancestors(lab.Session), {'`lab`.`species`', '`lab`.`subject`', '`lab`.`session`'});
checkEqual(sort(descendants(lab.Subject)), ...
    sort({'`lab`.`subject`', '`lab`.`session`', '`lab`.`session__trial`', '`lab`.`trip`'}));
end

function test_contents_of_a_lookup_table(~)
checkEqual(sort(fetchn(lab.Species, 'species')), {'mouse'; 'newt'; 'rat'});
end

function test_a_broken_definition_names_the_line(~)
failure = checkError('InvalidDefinition', @() count(lab.Broken));
check(~isempty(strfind(failure.message, 'nosuchtype')), failure.message);
end

function test_a_class_outside_a_package_is_refused(~)
checkError('InvalidDefinition', @() levada.internal.schema.schemaOf('Homeless'));
checkError('InvalidDefinition', @() levada.internal.schema.schemaOf('nopackage.Homeless'));
end

function test_a_different_definition_warns_and_changes_nothing(connection)
schema = lab.getSchema();
count(lab.Subject);
request = struct('name', struct('schema', 'lab', 'table', 'Other'), 'tier', 'TABLE_TIER_MANUAL', 'definition', ...
    'a : int32');
levada.internal.api.declareTable(connection, request);
drop(lab.Subject);
request.name.table = 'Subject';
levada.internal.api.declareTable(connection, request);
schema.reload();
lastwarn('', '');
checkEqual(primaryKey(lab.Subject), {'a'});
[text, id] = lastwarn();
checkEqual(id, 'levada:Warning');
check(~isempty(strfind(text, '`lab`.`subject`')), text);
end

function test_a_table_is_altered_to_its_class(~)
levada.config('changing_definition', {'mouse : int16', '---', 'name : varchar(20)', 'weight = null : float32'});
insert(lab.Changing, struct('mouse', 1, 'name', 'Ann', 'weight', 20.5));
checkEqual(alter(lab.Changing, 'Prompt', false), false);
levada.config('changing_definition', {'mouse : int16', '---', 'nickname : varchar(40)', 'weight = null : float32', ...
    'sex = "U" : enum("F", "M", "U")'});
plan = alter(lab.Changing, 'Rename', struct('nickname', 'name'), 'DryRun', true);
check(numel(plan.Changes) >= 2, strjoin(plan.Changes, '; '));
check(~isempty(strfind(evalc('disp(plan)'), 'About to alter `lab`.`changing`')));
checkEqual(nonKeyFields(levada.FreeTable('lab.Changing')), {'name', 'weight'});
plan.confirm();
checkEqual(fetch1(lab.Changing, '*'), struct('mouse', 1, 'nickname', 'Ann', 'weight', 20.5, 'sex', 'U'));
past = definitionHistory(lab.Changing);
checkEqual(numel(past), 2);
check(~isempty(strfind(past(1).definition, 'name : varchar(20)')), past(1).definition);
check(~isempty(regexp(past(2).since, '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'once')), past(2).since);
end

function test_a_table_without_a_class_is_altered_by_a_definition(~)
count(lab.SessionTrial);
free = levada.FreeTable('lab.Session.Trial');
checkError('InvalidRequest', @() alter(free));
checkEqual(alter(free, 'Definition', strrep(describe(free), 'correct', 'right'), 'Rename', ...
    struct('right', 'correct'), 'Prompt', false), true);
checkEqual(nonKeyFields(free), {'right'});
alter(free, 'Definition', describe(free), 'NewName', 'Attempt', 'Prompt', false);
checkEqual(nonKeyFields(levada.FreeTable('lab.Session.Attempt')), {'right'});
checkError('InvalidRequest', @() alter(free & 'trial = 1'));
schema = lab.getSchema();
schema.reload();
end

function test_a_schema_is_renamed(connection)
schema = levada.Schema(connection, '', 'first_name');
schema.create();
levada.internal.api.declareTable(connection, struct('name', struct('schema', 'first_name', 'table', 'Mouse'), ...
    'tier', 'TABLE_TIER_MANUAL', 'definition', 'a : int32'));
rename(schema, 'second_name');
checkEqual(schema.dbname, 'second_name');
checkEqual(primaryKey(schema.v.Mouse), {'a'});
checkEqual(exists(levada.Schema(connection, '', 'first_name')), false);
checkError('UnknownSchema', @() rename(levada.Schema(connection, '', 'third_name'), 'fourth_name'));
end

function test_the_contract_of_make_is_set_for_a_schema(connection)
schema = levada.Schema(connection, '', 'strict');
checkError('UnknownSchema', @() makeContract(schema));
makeContract(schema, 'on');
checkEqual(makeContract(schema), 'on');
checkError('InvalidRequest', @() makeContract(schema, 'perhaps'));
end

function test_tables_without_classes(connection)
count(lab.SessionTrial);
insert(lab.Subject, struct('subject_id', 7));
virtual = levada.virtualSchema('lab');
checkEqual(fetch1(virtual.Subject, 'subject_id'), 7);
checkEqual(class(virtual.SessionTrial), 'levada.FreeTable');
checkEqual(primaryKey(virtual.SessionTrial), {'subject_id', 'session', 'trial'});
checkEqual(count(virtual.Subject & 'subject_id > 5'), 1);
check(ismember('SessionTrial', properties(virtual)));
checkError('UnknownTable', @() virtual.Nothing);
checkError('UnknownSchema', @() levada.virtualSchema('nothing'));
schema = lab.getSchema();
checkEqual(class(schema.v.Subject), 'lab.Subject');
free = levada.FreeTable(connection, '`lab`.`session__trial`');
checkEqual(primaryKey(free), {'subject_id', 'session', 'trial'});
checkEqual(count(levada.FreeTable('lab.Subject') & free), 0);
checkError('UnknownTable', @() count(levada.FreeTable('lab.Nothing')));
checkError('InvalidRequest', @() levada.FreeTable('nothing'));
end

function test_names_of_schemas_and_classes(~)
schema = lab.getSchema();
check(~schema.exists());
count(lab.SessionTrial);
check(schema.exists());
checkEqual(levada.listSchemas(), {'lab'});
checkEqual(schema.classNames(), {'lab.Species', 'lab.Subject', 'lab.Session', 'lab.SessionTrial'});
drop(lab.Session);
checkEqual(schema.classNames(), {'lab.Species', 'lab.Subject'});
schema.drop();
check(~schema.exists());
checkEqual(count(lab.Subject), 0);
end

function test_classes_are_written_for_tables_that_have_none(connection)
folder = tempname();
mkdir(folder);
removing = onCleanup(@() confirm_recursive_rmdir(false) && rmdir(folder, 's'));
levada.createSchema('fresh', folder, 'fresh');
addpath(folder);
leaving = onCleanup(@() rmpath(folder));
declare(connection, 'Animal', 'MANUAL', ...
    ['# an animal' char(10) 'animal : int32' char(10) '---' char(10) 'name : varchar(9)']);
declare(connection, 'Visit', 'MANUAL', ['-> Animal' char(10) 'visit : int16']);
declare(connection, 'Visit.Step', 'PART', ...
    ['-> master' char(10) 'step : int16' char(10) '---' char(10) '-> [nullable] Animal.proj(other="animal")']);
declare(connection, 'Walk', 'COMPUTED', ['-> Visit' char(10) '---' char(10) 'metres : float64']);
schema = feval('fresh.getSchema');
paths = schema.syncClasses();
checkEqual(numel(paths), 4);
checkEqual(schema.syncClasses(), {});
rehash();
schema.reload();
checkEqual(class(feval('fresh.VisitStep')), 'fresh.VisitStep');
checkEqual(primaryKey(feval('fresh.VisitStep')), {'animal', 'visit', 'step'});
check(isa(feval('fresh.Walk'), 'levada.Computed'));
checkEqual(count(feval('fresh.Walk')), 0);
checkError('AlreadyExists', @() levada.createSchema('fresh', folder, 'fresh'));
end

function declare(connection, table, tier, definition)
levada.internal.api.declareTable(connection, struct('name', struct('schema', 'fresh', 'table', table), ...
    'tier', ['TABLE_TIER_' tier], 'definition', definition));
end

function test_diagrams(~)
count(lab.SessionTrial);
count(lab.Trip);
schema = lab.getSchema();
diagram = levada.Diagram(schema);
checkEqual(numel(names(diagram)), 5);
text = svg(diagram);
check(~isempty(strfind(text, '>SessionTrial<')) || ~isempty(strfind(text, '>Trial<')), text);
checkEqual(numel(strfind(text, '<rect')), 5);  % the ground, and a box for each table but the part
check(~isempty(strfind(text, 'stroke-dasharray')), text);
one = levada.Diagram(lab.Session);
checkEqual(names(one), {'`lab`.`session`'});
checkEqual(names(one - 1), {'`lab`.`subject`', '`lab`.`session`'});
checkEqual(numel(names(one + 1)), 2);
checkEqual(numel(names((one - 1) - one)), 1);
checkEqual(names((one - 1) * one), {'`lab`.`session`'});
checkEqual(numel(names(one + levada.ERD(lab.Trip))), 2);
file = [tempname() '.svg'];
removing = onCleanup(@() delete(file));
draw(diagram, file);
check(strncmp(fileread(file), '<svg', 4));
checkError('InvalidRequest', @() levada.Diagram(5));
end

function test_a_diagram_counts_rows_and_jobs(~)
insert(lab.Subject, struct('subject_id', {1; 2}));
insert(lab.Session, {1 1 '2026-01-05' 1:3; 2 1 '2026-01-05' []});
parpopulate(lab.Stat);
text = svg(levada.Diagram(lab.getSchema()), 'Counts', true);
for words = {'>2 rows</text>', '>1 of 2, 1 error</text>', '>3 rows</text>'}
    check(~isempty(strfind(text, words{1})), [words{1} ' is not in ' text]);
end
check(isempty(strfind(svg(levada.Diagram(lab.getSchema())), 'rows')));
end

function test_settings(~)
before = levada.config();
restoring = onCleanup(@() levada.config('displayLimit', before.displayLimit));
checkEqual(levada.config('displayLimit', 5), 12);
checkEqual(levada.config('displayLimit'), 5);
levada.config('own.setting', 'x');
checkEqual(levada.config('own.setting'), 'x');
checkError('InvalidRequest', @() levada.config('nothing'));
end

function test_reading_a_schema_writes_nothing(connection)
insert(lab.Subject, struct('subject_id', 1));
tables = levada.virtualSchema('lab');
connection.startTransaction();
checkEqual(count(tables.Subject), 1);
checkEqual(count(lab.Subject), 1);
connection.cancelTransaction();
other = levada.Schema(connection, '', 'nowhere');
checkError('UnknownSchema', @() other.tables());
check(~other.exists());
checkError('UnknownTable', @() tables.NoSuchTable);
end

function test_a_definition_follows_comments_or_the_classdef_line(~)
lines = {'', '% a comment', '%{', 'id : int32', '---', 'x = "%}" : varchar(9)  # 5 %}', '%}'};
cases = {[lines {'classdef A < levada.Manual', 'end'}], [{'classdef A < levada.Manual'} lines {'end'}], ...
    [{'classdef A < ...', '    levada.Manual  % why'} lines {'end'}], ...
    [{[char([239 187 191]) '%{']}, lines(4:end), {'classdef A < levada.Manual', 'end'}]};
folder = tempname();
mkdir(fullfile(folder, '+later'));
removing = onCleanup(@() forget(folder));
write(fullfile(folder, '+later', 'getSchema.m'), {'function s = getSchema()', 'persistent made', 'if isempty(made)', ...
    'made = levada.Schema(''later'', ''later'');', 'end', 's = made;', 'end'});
for index = 1:numel(cases)
    name = sprintf('A%d', index);
    write(fullfile(folder, '+later', [name '.m']), strrep(cases{index}, 'classdef A', ['classdef ' name]));
end
write(fullfile(folder, '+later', 'Bare.m'), {'classdef Bare < levada.Manual', 'methods', 'end', '%{', 'id : int32', ...
    '%}', 'end'});
addpath(folder);
rehash();
for index = 1:numel(cases)
    insert(feval(sprintf('later.A%d', index)), {1 'one'});
    checkEqual(fetch1(feval(sprintf('later.A%d', index)), 'x'), 'one');
end
failure = checkError('InvalidDefinition', @() count(later.Bare));
check(~isempty(strfind(failure.message, 'Bare.m')) && ~isempty(strfind(failure.message, '%{')), failure.message);
end

function write(file, lines)
handle = fopen(file, 'w');
fprintf(handle, '%s\n', lines{:});
fclose(handle);
end

function forget(folder)
rmpath(folder);
confirm_recursive_rmdir(false, 'local');
rmdir(folder, 's');
end
