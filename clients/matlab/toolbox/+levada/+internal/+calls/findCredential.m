function credential = findCredential(url, token)
%FINDCREDENTIAL Find the token that belongs to a server.
%
%   credential = findCredential(url, token)
%
%   token       what the user gave, or ''
%   credential  a struct with token and authority, each '' if there is none
%
%   `levada login` at a command line keeps credentials in a file that only its user can read.
%
%   See also levada.connect

credential = struct('token', token, 'authority', '');
if isempty(token) && strcmp(url, getenv('LEVADA_URL'))
    credential.token = getenv('LEVADA_TOKEN');
end
if ~isempty(credential.token)
    return
end
file = credentialsFile();
if ~exist(file, 'file')
    return
end
[~, found] = fileattrib(file);
if isunix() && (found.GroupRead || found.OtherRead || found.GroupWrite || found.OtherWrite)
    levada.internal.errors.fail('InvalidRequest', 'Others can read %s, which holds tokens; run `chmod 600 %s`.', ...
        file, file);
end
kept = jsondecode(fileread(file));
for index = 1:numel(kept)
    if strcmp(kept(index).address, keyOf(url))
        if isempty(kept(index).token)
            levada.internal.errors.fail('InvalidRequest', ['The token of %s is in a keyring, which MATLAB cannot ' ...
                'read; set LEVADA_TOKEN and LEVADA_URL.'], url);
        end
        credential = struct('token', kept(index).token, 'authority', kept(index).authority);
    end
end
end

function file = credentialsFile()
file = getenv('LEVADA_CREDENTIALS');
if ~isempty(file)
    return
end
folder = getenv('XDG_CONFIG_HOME');
if isempty(folder)
    home = getenv('HOME');
    if isempty(home)
        home = getenv('USERPROFILE');
    end
    folder = fullfile(home, '.config');
end
file = fullfile(folder, 'levada', 'credentials.json');
end

function key = keyOf(url)
% Write an address as the file has it: with its scheme and port.
parts = regexp(url, '^(?:(\w+)://)?([^/]*?)(?::(\d+))?(?:/.*)?$', 'tokens', 'once');
if numel(parts) < 3 || strncmp(url, 'unix:', 5)
    key = url;
    return
end
here = any(strcmp(parts{2}, {'127.0.0.1', 'localhost', '[::1]'}));
encrypted = any(strcmp(parts{1}, {'https', 'grpcs'})) || (isempty(parts{1}) && ~here);
scheme = 'http';
port = '80';
if encrypted
    scheme = 'https';
    port = '443';
end
if ~isempty(parts{3})
    port = parts{3};
end
key = lower([scheme '://' parts{2} ':' port]);
end
