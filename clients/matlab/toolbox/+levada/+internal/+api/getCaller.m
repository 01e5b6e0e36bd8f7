function response = getCaller(connection, request, varargin)
%GETCALLER Return who calls, and with which roles.
%   RESPONSE = GETCALLER(CONNECTION, REQUEST, SECONDS) calls AccessService.GetCaller. SECONDS is a deadline, and may be
%   left out.
%
%   Request: GetCallerRequest
%       (no fields)
%
%   Response: GetCallerResponse
%       user  User: The caller; `administrator` is the name of whoever calls by the private socket without a token.
%       grants  cell of Grant: The roles of the caller and of the caller's teams.
%       token  Token: The token that came with the call; unset without one.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/GetCaller', request, varargin{:});
end
