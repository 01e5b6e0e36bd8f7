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
if strncmp(url, 'unix:', 5)
    key = url;
    return
end
% Octave leaves out what an optional group of a pattern does not match, so each part has its own.
given = lower(regexp(url, '^\w+(?=://)', 'match', 'once'));
place = regexprep(regexprep(url, '^\w+://', ''), '/.*$', '');
host = regexprep(place, ':\d+$', '');
here = any(strcmp(host, {'127.0.0.1', 'localhost', '[::1]'}));
encrypted = any(strcmp(given, {'https', 'grpcs'})) || (isempty(given) && ~here);
scheme = 'http';
port = '80';
if encrypted
    scheme = 'https';
    port = '443';
end
if ~strcmp(host, place)
    port = place(numel(host) + 2:end);
end
key = lower([scheme '://' host ':' port]);
end
