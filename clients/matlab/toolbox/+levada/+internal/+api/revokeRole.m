function response = revokeRole(connection, request, varargin)
%REVOKEROLE Take a role back.
%   Nothing happens if it was not granted. For owners.
%   RESPONSE = REVOKEROLE(CONNECTION, REQUEST, SECONDS) calls AccessService.RevokeRole. SECONDS is a deadline, and may
%   be left out.
%
%   Request: RevokeRoleRequest
%       grant  Grant: The grant.
%
%   Response: RevokeRoleResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/RevokeRole', request, varargin{:});
end
