function credential = findCredential(url, token)
%FINDCREDENTIAL Find the token that belongs to a server.
%
%   credential = findCredential(url, token)
%
%   token       what the user gave, or ''
%   credential  a struct with token and authority, each '' if there is none
%
%   levada.login, and `levada login` at a command line, keep credentials in a file that only its user can read.
%
%   See also levada.connect

credential = struct('token', token, 'authority', '');
if isempty(token) && strcmp(url, getenv('LEVADA_URL'))
    credential.token = getenv('LEVADA_TOKEN');
end
if ~isempty(credential.token)
    return
end
kept = levada.internal.credentials.keptCredential(url);
if isempty(kept)
    return
end
if isempty(kept.token)
    levada.internal.errors.fail('InvalidRequest', ['The token of %s is in a keyring, which MATLAB cannot read; call ' ...
        'levada.login, or set LEVADA_TOKEN and LEVADA_URL.'], url);
end
credential = struct('token', kept.token, 'authority', kept.authority);
end
