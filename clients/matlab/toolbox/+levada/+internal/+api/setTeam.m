function response = setTeam(connection, request, varargin)
%SETTEAM Set the members of a team, which comes into being with its first.
%   NOT_FOUND. For administrators.
%   RESPONSE = SETTEAM(CONNECTION, REQUEST, SECONDS) calls AccessService.SetTeam. SECONDS is a deadline, and may be
%   left out.
%
%   Request: SetTeamRequest
%       name  char: The team's name, as a user's.
%       members  cell of char: Its members, by name; with none the team ends, and its grants with it.
%
%   Response: SetTeamResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/SetTeam', request, varargin{:});
end
