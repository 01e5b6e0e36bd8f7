function response = grantRole(connection, request, varargin)
%GRANTROLE Grant a role on a schema or a table to a user or a team.
%   NOT_FOUND; UNKNOWN_SCHEMA, UNKNOWN_TABLE. For owners.
%   RESPONSE = GRANTROLE(CONNECTION, REQUEST, SECONDS) calls AccessService.GrantRole. SECONDS is a deadline, and may be
%   left out.
%
%   Request: GrantRoleRequest
%       grant  Grant: The grant.
%
%   Response: GrantRoleResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/GrantRole', request, varargin{:});
end
