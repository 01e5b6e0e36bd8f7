function response = setOwnership(connection, request, varargin)
%SETOWNERSHIP Set by which attribute the rows of a table belong to teams.
%   UNKNOWN_TABLE, UNKNOWN_ATTRIBUTE.
%   RESPONSE = SETOWNERSHIP(CONNECTION, REQUEST, SECONDS) calls SchemaService.SetOwnership. SECONDS is a deadline, and
%   may be left out.
%
%   Request: SetOwnershipRequest
%       name  TableName: The table, not a part and not filled by jobs: rows there belong to the team of the row above
%           them.
%       ownership  Ownership: The rule. Unset: rows belong to nobody any more, and all who have the role may change
%           them.
%
%   Response: SetOwnershipResponse
%       table  Table: The table.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/SetOwnership', request, varargin{:});
end
