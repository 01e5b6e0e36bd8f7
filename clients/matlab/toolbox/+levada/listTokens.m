function tokens = listTokens(connection)
%LISTTOKENS List the valid tokens that the user may see: the own ones, of an administrator those of everybody.
%
%   tokens = levada.listTokens()
%   tokens = levada.listTokens(connection)
%
%   tokens  a struct array with id, user, label, validUntil and used (text in UTC, '' for never), scoped (whether it
%           allows its scopes alone) and scopes (a cell of text such as 'viewer:lab')
%
%   See also levada.makeToken, levada.revokeTokens

if nargin == 0
    connection = levada.conn();
end
found = levada.internal.calls.listPages(connection, @levada.internal.api.listTokens, 'tokens', struct());
tokens = repmat(levada.internal.credentials.tokenFields(), 0, 1);
for index = 1:numel(found)
    tokens(index, 1) = levada.internal.credentials.tokenFields(found{index});
end
end
