function number = revokeTokens(varargin)
%REVOKETOKENS End tokens at once, and return how many.
%
%   levada.revokeTokens(id)                 one, by its id
%   levada.revokeTokens('User', name)       all of a user
%   levada.revokeTokens('All', true)        all of everybody, for administrators alone
%   levada.revokeTokens(connection, ...)
%
%   Errors: levada:NotFound (no such token), levada:PermissionDenied.
%
%   See also levada.listTokens, levada.makeToken

[connection, inputs] = levada.internal.credentials.connectionFirst(varargin);
request = struct();
if numel(inputs) == 1
    request.id = levada.internal.inputs.plainText(inputs{1});
else
    named = levada.internal.inputs.readOptions(struct('User', '', 'All', false), inputs);
    if isempty(named.User) == ~named.All
        levada.internal.errors.fail('InvalidRequest', 'Name one of these: the id of a token, ''User'', or ''All'', true.');
    end
    if named.All
        request.all = true;
    else
        request.user = levada.internal.inputs.plainText(named.User);
    end
end
answer = levada.internal.api.revokeTokens(connection, request);
number = double(answer.count);
if nargout == 0
    clear number
end
end
