function response = updateUser(connection, request, varargin)
%UPDATEUSER Change a user.
%   Disabling one ends all of that user's tokens, streams and leases. NOT_FOUND. For administrators.
%   RESPONSE = UPDATEUSER(CONNECTION, REQUEST, SECONDS) calls AccessService.UpdateUser. SECONDS is a deadline, and may
%   be left out.
%
%   Request: UpdateUserRequest
%       name  char: The user's name.
%       administrator  logical: As in User.
%       disabled  logical: As in User.
%       schema_prefixes  cell of char: As in User; taken if `set_schema_prefixes`.
%       set_schema_prefixes  logical: Replace the prefixes.
%       forget_account  logical: Forget the account at the issuer of identities: the next account of the user's name
%           becomes it.
%
%   Response: UpdateUserResponse
%       user  User: The user.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/UpdateUser', request, varargin{:});
end
