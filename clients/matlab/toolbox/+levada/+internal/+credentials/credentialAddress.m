function address = credentialAddress(url)
%CREDENTIALADDRESS Write the address of a server as the file of credentials has it: with its scheme and port.
%
%   See also levada.internal.credentials.findCredential

if strncmp(url, 'unix:', 5)
    address = url;
    return
end
% Octave leaves out what an optional group of a pattern does not match, so each part has its own.
given = lower(regexp(url, '^\w+(?=://)', 'match', 'once'));
places = strtrim(strsplit(regexprep(regexprep(url, '^\w+://', ''), '/.*$', ''), ','));  % of several servers
hosts = regexprep(places, ':\d+$', '');
here = all(ismember(hosts, {'127.0.0.1', 'localhost', '[::1]'}));
encrypted = any(strcmp(given, {'https', 'grpcs'})) || (isempty(given) && ~here);
scheme = 'http';
port = ':80';
if encrypted
    scheme = 'https';
    port = ':443';
end
isShort = strcmp(hosts, places);
places(isShort) = strcat(places(isShort), port);
address = lower([scheme '://' strjoin(places, ',')]);
end
