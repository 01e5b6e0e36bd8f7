function tests = testConnection()
% testConnection  Where a server is found, and what a connection tells.

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
write(fullfile(folder, 'levada.toml'), sprintf('# where we work\nurl = "%s"\n[other]\ntoken = "no"\n', ...
    connection.Address));
found = levada.internal.calls.findServer('');
checkEqual(found, struct('url', connection.Address, 'token', '', 'certificates', ''));
write(fullfile(folder, 'levada.toml'), ...
    sprintf('url = ''host:1''\ntoken = "secret"  # of mine\ncertificates = "ca.pem"\n'));
checkEqual(levada.internal.calls.findServer(''), struct('url', 'host:1', 'token', 'secret', 'certificates', ...
    fullfile(folder, 'ca.pem')));
setenv('LEVADA_TOKEN', 'mine');
checkEqual(getfield(levada.internal.calls.findServer(''), 'token'), 'mine');
checkEqual(getfield(levada.internal.calls.findServer('given'), 'token'), 'given');
setenv('LEVADA_URL', connection.Address);
opened = levada.connect();
checkEqual(opened.Address, connection.Address);
opened.close();
write(fullfile(folder, 'levada.toml'), 'nothing = 1');
setenv('LEVADA_URL', '');
checkError('InvalidRequest', @() levada.connect());
end

function leave(home)
folder = fileparts(pwd());
cd(home);
setenv('LEVADA_URL', '');
setenv('LEVADA_TOKEN', '');
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
