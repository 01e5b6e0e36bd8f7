function tests = testConnection()
%TESTCONNECTION Find servers, and read the properties of connections.

tests = localfunctions();
end

function test_a_connection_tells_where_it_is(connection)
check(connection.isConnected());
check(~isempty(connection.ServerVersion));
current = levada.conn();
checkEqual(current.Channel, connection.Channel);
other = levada.Connection(connection.Address);
other.close();
other.close();
check(~other.isConnected());
checkError('Unavailable', @() other.describeTable(struct('schema', 'lab', 'table', 'Subject')));
check(connection.isConnected());
end

function test_a_client_or_server_that_is_too_old_is_refused(connection)
served = struct('version', '1.2.3', 'oldest_client_version', levada.version());
levada.internal.calls.checkServer(served, 'here:1');
served.oldest_client_version = '999.0.0';
failure = checkError('VersionMismatch', @() levada.internal.calls.checkServer(served, 'here:1'));
check(~isempty(strfind(failure.message, 'Upgrade the toolbox')), failure.message);
check(~isempty(strfind(failure.message, '999.0.0')) && ~isempty(strfind(failure.message, 'here:1')), failure.message);
served = struct('version', '0.0.9', 'oldest_client_version', '');
failure = checkError('VersionMismatch', @() levada.internal.calls.checkServer(served, 'here:1'));
check(~isempty(strfind(failure.message, 'Upgrade the server')), failure.message);
check(connection.Limits.completion_jobs > 0);
end

function test_what_may_be_sent_again_comes_from_the_table_of_methods(~)
may = @(method, request) levada.internal.calls.isRepeatable(['/levada_api.v1.' method], request);
check(may('QueryService/CountRelation', struct()));
check(may('JobService/CompleteJobs', struct('job', struct())));
check(~may('JobService/ReserveJobs', struct()));
check(~may('RowService/UpdateRow', struct('name', 1)));
check(~may('RowService/UpdateRow', struct('request_id', '')));
check(may('RowService/UpdateRow', struct('request_id', 'one')));
check(~may('RowService/InsertRows', struct('header', struct('name', 1))));
check(may('RowService/InsertRows', struct('header', struct('request_id', 'one'))));
check(may('RowService/InsertFewRows', struct('header', struct('request_id', 'one'))));
checkError('InvalidRequest', @() may('RowService/Guess', struct()));
end

function test_a_call_is_repeated_while_its_failure_may_pass(~)
levada.config('attempts', 0);
checkEqual(levada.internal.calls.repeatCall(@() failTwice('levada:Conflict'), 5, @levada.internal.errors.isTransient), 3);
levada.config('attempts', 0);
checkError('WrongValue', @() levada.internal.calls.repeatCall(@() failTwice('levada:WrongValue'), 5, ...
    @levada.internal.errors.isTransient));
checkEqual(levada.config('attempts'), 1);
levada.config('attempts', 0);
checkError('Unavailable', @() levada.internal.calls.repeatCall(@() failTwice('levada:Unavailable'), 0.15, ...
    @levada.internal.errors.isTransient));
checkEqual(levada.config('attempts'), 2);
end

function attempts = failTwice(identifier)
attempts = levada.config('attempts') + 1;
levada.config('attempts', attempts);
if attempts < 3
    error(identifier, 'Attempt %d fails.', attempts);
end
end

function test_the_address_comes_from_the_environment_or_a_file(connection)
folder = tempname();
mkdir(fullfile(folder, 'deeper'));
home = pwd();
returning = onCleanup(@() leave(home));
cd(fullfile(folder, 'deeper'));
failure = checkError('InvalidRequest', @() levada.connect());
check(~isempty(strfind(failure.message, 'levada serve')), failure.message);
write('dj_local_conf.json', '{"database.host": "old-server"}');
failure = checkError('InvalidRequest', @() levada.connect());
check(~isempty(strfind(failure.message, 'old-server')), failure.message);
check(~isempty(strfind(failure.message, 'move the file away')), failure.message);
write(fullfile(folder, 'levada.toml'), sprintf('# where we work\nurl = "%s"\n[other]\ntoken = "no"\n', ...
    connection.Address));
found = levada.internal.calls.findServer();
checkEqual(found, struct('url', connection.Address, 'certificates', ''));
write(fullfile(folder, 'levada.toml'), sprintf('url = ''host:1''\ncertificates = "ca.pem"\n'));
checkEqual(levada.internal.calls.findServer(), struct('url', 'host:1', 'certificates', fullfile(folder, 'ca.pem')));
write(fullfile(folder, 'levada.toml'), sprintf('url = ''host:1''\ntoken = "secret"  # of mine\n'));
failure = checkError('InvalidRequest', @() levada.internal.calls.findServer());
check(~isempty(strfind(failure.message, 'holds a token')), failure.message);
setenv('LEVADA_URL', connection.Address);
opened = levada.connect();
checkEqual(opened.Address, connection.Address);
opened.close();
write(fullfile(folder, 'levada.toml'), 'nothing = 1');
setenv('LEVADA_URL', '');
checkError('InvalidRequest', @() levada.connect());
end

function test_the_local_server_of_a_folder_above_is_found_unless_others_write_between(~)
folder = tempname();
deeper = fullfile(folder, 'project', 'scripts');
mkdir(deeper);
mkdir(fullfile(folder, '.levada'));
write(fullfile(folder, '.levada', 'server.json'), '{"address": "unix:/somewhere", "pid": 1}');
home = pwd();
returning = onCleanup(@() leave(home));
cd(deeper);
found = levada.internal.calls.findServer();
checkEqual(found.url, 'unix:/somewhere');
system(sprintf('chmod g+w "%s"', fullfile(folder, 'project')));
write(fullfile(folder, 'project', 'levada.toml'), 'url = "elsewhere:1"');
checkError('InvalidRequest', @() levada.internal.calls.findServer());
end

function test_a_token_belongs_to_one_server(~)
folder = tempname();
mkdir(fullfile(folder, 'deeper'));
home = pwd();
returning = onCleanup(@() leave(home));
cd(fullfile(folder, 'deeper'));
file = fullfile(folder, 'credentials.json');
write(file, '[{"address": "https://host:1", "token": "kept", "authority": "ca"}]');
setenv('LEVADA_CREDENTIALS', file);
failure = checkError('InvalidRequest', @() levada.internal.credentials.findCredential('host:1', ''));
check(~isempty(strfind(failure.message, 'chmod 600')), failure.message);
check(system(sprintf('chmod 600 "%s"', file)) == 0, 'chmod');
checkEqual(levada.internal.credentials.findCredential('host:1', ''), struct('token', 'kept', 'authority', 'ca'));
checkEqual(levada.internal.credentials.findCredential('HTTPS://host:1/path', ''), struct('token', 'kept', 'authority', 'ca'));
checkEqual(levada.internal.credentials.findCredential('http://host:1', ''), struct('token', '', 'authority', ''));
checkEqual(levada.internal.credentials.findCredential('host:2', ''), struct('token', '', 'authority', ''));
setenv('LEVADA_TOKEN', 'mine');
checkEqual(getfield(levada.internal.credentials.findCredential('host:1', ''), 'token'), 'kept');
setenv('LEVADA_URL', 'host:1');
checkEqual(getfield(levada.internal.credentials.findCredential('host:1', ''), 'token'), 'mine');
checkEqual(getfield(levada.internal.credentials.findCredential('host:1', 'given'), 'token'), 'given');
end

function leave(home)
folder = fileparts(pwd());
cd(home);
setenv('LEVADA_URL', '');
setenv('LEVADA_TOKEN', '');
setenv('LEVADA_CREDENTIALS', '');
confirm_recursive_rmdir(false);
rmdir(folder, 's');
end

function write(file, text)
handle = fopen(file, 'w');
fprintf(handle, '%s', text);
fclose(handle);
end

function test_a_server_out_of_reach_is_told(~)
checkError('Unavailable', @() levada.connect('127.0.0.1:1'));
checkError('InvalidRequest', @() levada.connect('127.0.0.1:1', 'token', 'NoOption', 1));
end

function ids = test_failed_calls_have_ids(connection)
insert(lab.Subject, struct('subject_id', 1));
insert(lab.Session, {1 1 '2026-01-05' []});
ask = @() levada.internal.api.describeTable(connection, struct('name', struct('schema', 'lab', 'table', 'Nothing')));
checkError('UnknownTable', ask);
ids.separate = levada.failedCall();
connection.startTransaction();
checkError('UnknownTable', @() count(levada.FreeTable('lab.Nothing')));
ids.in_transaction = levada.failedCall();
connection.cancelTransaction();
checkError('PreconditionFailed', @() connection.commitTransaction());
checkEqual(levada.failedCall(), ids.in_transaction);  % no call failed since
checkError('UnknownTable', @() populate(lab.Astray));
row = fetch1(jobs(lab.Astray), '*');
named = regexp(row.error_stack, 'as call ([0-9-]+)\.', 'tokens', 'once');
ids.in_make = named{1};
end

function test_a_token_that_no_header_can_carry_is_refused(connection)
for token = {sprintf('abc\n'), sprintf('a\rb'), char([97 195 169]), ['a' char(0) 'b'], 'a b', char(127)}
    failure = checkError('InvalidRequest', @() levada.connect(connection.Address, token{1}));
    check(~isempty(strfind(failure.message, 'token')), failure.message);
end
levada.connect(connection.Address);
end

function test_arguments_of_connect_that_are_wrong_are_named(connection)
failure = checkError('InvalidRequest', @() levada.connect(5));
check(~isempty(strfind(failure.message, 'double')), failure.message);
failure = checkError('InvalidRequest', @() levada.connect(connection.Address, 'Certificates', 'no_such_file.pem'));
check(~isempty(strfind(failure.message, 'no_such_file.pem')), failure.message);
file = [tempname() '.pem'];
write(file, 'no certificate');
removing = onCleanup(@() delete(file));
checkError('InvalidRequest', @() levada.connect(connection.Address, 'Certificates', file));
checkError('InvalidRequest', @() levada.connect(sprintf('localhost:50051\n')));
checkError('InvalidDefinition', @() levada.worker('no_such_package'));
checkError('InvalidDefinition', @() levada.Diagram('no_such_package'));
end

function test_a_connection_that_nobody_holds_is_closed(connection)
folder = sprintf('/proc/%d/fd', getpid());
if ~exist(folder, 'dir')
    return
end
opened = @() numel(readdir(folder));
before = opened();
for index = 1:20
    forgotten = levada.Connection(connection.Address);
    check(forgotten.isConnected());
end
clear forgotten
check(opened() < before + 10, before, opened());
end

function test_a_schema_made_with_a_closed_connection_uses_the_next_to_the_same_server(connection)
first = levada.connect(connection.Address);
schema = levada.Schema(first, 'lab', 'lab');
table = levada.FreeTable(first, 'lab.Subject');
count(lab.Subject);
first.close();
levada.connect(connection.Address);
check(numel(schema.tables()) > 0);
checkEqual(count(table), 0);
end

function test_tokens_are_made_listed_and_revoked(connection)
levada.internal.api.createUser(connection, struct('name', 'anna'));
count(lab.Stat);
[secret, token] = levada.makeToken('User', 'anna', 'Label', 'rig 3', 'Days', 2, 'Scopes', {'viewer:lab', 'worker:lab.Stat'});
checkEqual(secret(1:4), 'lev_');
found = levada.listTokens();
checkEqual(found, token);
checkEqual({found.user, found.label, found.used, found.scoped}, {'anna', 'rig 3', '', true});
checkEqual(sort(found.scopes), {'viewer:lab', 'worker:lab.Stat'});
checkEqual(numel(found.validUntil), numel('2026-01-05 12:30:00+00:00') + 7 * any(found.validUntil == '.'));
opened = levada.Connection(connection.Address, secret);
caller = levada.internal.api.getCaller(opened, struct());
checkEqual(caller.user.name, 'anna');
checkEqual(numel(levada.listTokens(opened)), 1);
checkEqual(levada.revokeTokens(connection, token.id), 1);
checkEqual(numel(levada.listTokens()), 0);
checkError('Unauthenticated', @() levada.Connection(connection.Address, secret));
checkError('NotFound', @() levada.revokeTokens(token.id));
checkError('InvalidRequest', @() levada.revokeTokens());
checkError('InvalidRequest', @() levada.makeToken('User', 'anna', 'Scopes', 'viewer'));
for wrong = {0, -1, -Inf, NaN, 1e-9, 1 + 2i, [1 2], [], 'long', {1}}
    checkError('InvalidRequest', @() levada.makeToken('User', 'anna', 'Days', wrong{1}));
end
levada.makeToken('User', 'anna');
levada.makeToken('User', 'anna', 'Days', Inf);
listed = levada.listTokens();
ends = {listed.validUntil};
checkEqual(sort(cellfun(@isempty, ends)), [false true]);
checkEqual(levada.revokeTokens('User', 'anna'), 2);
end

function test_an_open_connection_outlives_clear_all(connection)
levada.config('displayLimit', 7);
output = runAlone(connection, {'c = levada.connect(address);', 'levada.config(''displayLimit'', 7);', ...
    'x = levada.Schema('''', ''lab''); x.create();', 'clear all', 'c = levada.conn();', 'disp(c.isConnected())', ...
    'disp(levada.config(''displayLimit''))', 'clear functions', 'disp(numel(levada.listSchemas()) > 0)', 'c.close();'});
checkEqual(strsplit(strtrim(output), char(10)), {'1', '7', '1'});
end

function output = runAlone(connection, lines)
% Run lines in an Octave of their own.
toolbox = fileparts(fileparts(which('levada.connect')));
script = [sprintf('addpath(''%s''); address = ''%s'';', toolbox, connection.Address), strjoin(lines, ' ; ')];
[status, output] = system(['octave-cli --no-history --quiet --eval "' script '" 2>&1']);
checkEqual(status, 0);
end

function test_the_help_of_a_method_begins_with_its_name(~)
for method = {'Relation.and', 'Relation.header', 'Relation.count', 'Table.className', 'Table.describe', 'Table.insert'}
    text = strtrim(get_help_text(['levada.' method{1}]));
    name = regexp(method{1}, '\w+$', 'match', 'once');
    check(strncmp(text, upper(name), numel(name)), text);
end
end
