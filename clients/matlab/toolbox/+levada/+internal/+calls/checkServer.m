function checkServer(info, address)
%CHECKSERVER Check that this toolbox and a server are not too old for each other.
%   CHECKSERVER(INFO, ADDRESS) takes the GetServerInfoResponse of the server at an address.
%
%   Errors: levada:VersionMismatch (one of them is too old; the message says which to upgrade, and how).

oldestServer = '0.1.0';
own = levada.version();
if isOlder(info.version, oldestServer)
    levada.internal.errors.fail('VersionMismatch', ...
        ['The server at %s has version %s, and this toolbox (%s) needs %s ' ...
        'or newer. Upgrade the server: install Levada %s or newer where it is installed, and ' ...
        'start it again.'], address, info.version, own, oldestServer, oldestServer);
end
if isfield(info, 'oldest_client_version') && isOlder(own, info.oldest_client_version)
    levada.internal.errors.fail('VersionMismatch', ...
        ['This toolbox has version %s, and the server at %s (%s) needs %s ' ...
        'or newer. Upgrade the toolbox: install the folder +levada of release %s or newer.'], own, address, ...
        info.version, info.oldest_client_version, info.oldest_client_version);
end
end

function answer = isOlder(version, other)
% A version without numbers is older than all others.
numbers = releaseOf(version);
others = releaseOf(other);
if isempty(numbers) || isempty(others)
    answer = isempty(numbers) && ~isempty(others);
    return
end
differing = find(numbers ~= others, 1);
answer = ~isempty(differing) && numbers(differing) < others(differing);
end

function numbers = releaseOf(version)
found = regexp(version, '^(\d+)\.(\d+)\.(\d+)', 'tokens', 'once');
numbers = str2double(found);
end
