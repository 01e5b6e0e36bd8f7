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
address = lower([scheme '://' host ':' port]);
end
