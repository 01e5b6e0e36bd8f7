function source = findServer()
%FINDSERVER Find the address of a server if the user named none.
%
%   source = findServer()
%
%   source  a struct with url and certificates
%
%   See also levada.connect

source = struct('url', getenv('LEVADA_URL'), 'certificates', '');
if isempty(source.url)
    folders = ownFolders();
    file = nearest(folders, 'levada.toml');
    if ~isempty(file)
        source = readSettings(file);
    end
end
if isempty(source.url)
    refuseDataJointSettings();
    source.url = localServer(folders);
end
if isempty(source.url)
    levada.internal.errors.fail('InvalidRequest', ...
        ['No server is named. Call levada.connect(''host:port''), or set LEVADA_URL, or write a line such as ' ...
        'url = "host:port" into levada.toml. To start a server of your own, run `levada serve` at a command line.']);
end
end

function folders = ownFolders()
% The working folder and those above it, up to the first in which others could put a file.
folders = {};
folder = pwd();
while true
    [ours, othersWrite] = levada.internal.calls.gateway('folderRights', folder);
    if ~ours || othersWrite
        file = fullfile(folder, 'levada.toml');
        if exist(file, 'file')
            levada.internal.calls.warnUser({sprintf( ...
                '%s is not used, because others can write in its folder; run `chmod go-w %s`.', file, folder)});
        end
        return
    end
    folders{end + 1} = folder; %#ok<AGROW>
    above = fileparts(folder);
    if strcmp(above, folder)
        return
    end
    folder = above;
end
end

function file = nearest(folders, name)
file = '';
for n = 1:numel(folders)
    if exist(fullfile(folders{n}, name), 'file')
        file = fullfile(folders{n}, name);
        return
    end
end
end

function source = readSettings(file)
text = levada.internal.inputs.readText(file);
source = struct('url', setting(text, 'url'), 'certificates', setting(text, 'certificates'));
if isempty(source.url)
    levada.internal.errors.fail('InvalidRequest', ...
        '%s names no server; write a line such as url = "lab-server:50051".', file);
end
if ~isempty(setting(text, 'token'))
    levada.internal.errors.fail('InvalidRequest', ...
        '%s holds a token, which others get with the project. Remove it there, and run `levada login %s`.', ...
        file, source.url);
end
if ~isempty(source.certificates) && ~isAbsolute(source.certificates)
    source.certificates = fullfile(fileparts(file), source.certificates);
end
end

function value = setting(text, name)
% Return one text of the top level of the file; Levada keeps nothing else there.
table = regexp(text, '^\s*\[', 'once', 'lineanchors');
if ~isempty(table)
    text = text(1:table - 1);
end
found = regexp(text, ['^\s*' name '\s*=\s*(?:"([^"\n]*)"|''([^''\n]*)'')'], 'tokens', 'once', 'lineanchors');
value = [found{:}];
if isempty(value)
    value = '';
end
end

function answer = isAbsolute(path)
answer = any(path(1) == '/\') || (numel(path) > 1 && path(2) == ':');
end

function url = localServer(folders)
% Return the address of the server that someone started for this folder or one above, by Python or by hand.
url = '';
file = nearest([{pwd()} folders], fullfile('.levada', 'server.json'));
if ~isempty(file)
    if ~levada.internal.calls.gateway('folderRights', fileparts(file))
        levada.internal.errors.fail('InvalidRequest', ...
            ['%s belongs to another user, and so does the local server that uses it. Work in a folder of your own, ' ...
            'or name a server by levada.connect(''host:port'').'], fileparts(file));
    end
    served = jsondecode(levada.internal.inputs.readText(file));
    url = served.address;
end
end

function refuseDataJointSettings()
% Settings of a DataJoint pipeline must not lead to a server that the user does not mean.
host = getenv('DJ_HOST');
where = 'The environment variable DJ_HOST';
removal = 'unset the variable';
file = fullfile(pwd(), 'dj_local_conf.json');
if isempty(host) && exist(file, 'file')
    settings = jsondecode(levada.internal.inputs.readText(file));
    where = file;
    removal = 'delete its line in the file, or move the file away';
    names = fieldnames(settings);
    match = ismember(lower(names), {'databasehost', 'database_host', 'database.host'});
    if any(match)
        host = settings.(names{find(match, 1)});
    end
end
if ~isempty(host)
    levada.internal.errors.fail('InvalidRequest', ...
        ['%s names the database host ''%s'', which Levada does not use. To use your own server, whose data are in ' ...
        'the folder .levada, %s. To use another one, set LEVADA_URL to its address, or write it into levada.toml, ' ...
        'or call levada.connect(''host:port'').'], where, host, removal);
end
end
