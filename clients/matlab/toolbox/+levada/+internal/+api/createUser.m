function response = createUser(connection, request, varargin)
%CREATEUSER Add a user, who can do nothing yet.
%   ALREADY_EXISTS. For administrators.
%   RESPONSE = CREATEUSER(CONNECTION, REQUEST, SECONDS) calls AccessService.CreateUser. SECONDS is a deadline, and may
%   be left out.
%
%   Request: CreateUserRequest
%       name  char: At most 64 letters, digits and `_ . @ -`, beginning with a letter.
%       administrator  logical: As in User.
%       schema_prefixes  cell of char: As in User.
%       request_id  char: As in CreateSchemaRequest.
%
%   Response: CreateUserResponse
%       user  User: The user.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/CreateUser', request, varargin{:});
end
