function keepCredential(url, credential)
%KEEPCREDENTIAL Keep the token of a server in the file of this user's credentials, instead of an earlier one.
%
%   keepCredential(url, credential)
%
%   credential  a struct with token and authority, as findCredential returns it
%
%   See also levada.internal.credentials.findCredential

address = levada.internal.credentials.credentialAddress(url);
[kept, file] = levada.internal.credentials.keptCredentials();
isOther = cellfun(@(one) ~strcmp(one.address, address), kept);
added = struct('address', address, 'token', credential.token, 'authority', credential.authority);
levada.internal.calls.gateway('keepPrivately', file, jsonencode([kept(isOther); {added}]));
end
