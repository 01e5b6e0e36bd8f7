function response = revokeTokens(connection, request, varargin)
%REVOKETOKENS Revoke tokens: one by its id, or all of a user, or all.
%   Users revoke their own.
%   RESPONSE = REVOKETOKENS(CONNECTION, REQUEST, SECONDS) calls AccessService.RevokeTokens. SECONDS is a deadline, and
%   may be left out.
%
%   Request: RevokeTokensRequest
%       id  char: One token, by its id.
%       user  char: All tokens of a user.
%       all  logical: All tokens of all users.
%
%   Response: RevokeTokensResponse
%       count  double: How many were revoked.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/RevokeTokens', request, varargin{:});
end
