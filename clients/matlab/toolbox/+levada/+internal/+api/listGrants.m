function response = listGrants(connection, request, varargin)
%LISTGRANTS List the grants on a schema and its tables.
%   UNKNOWN_SCHEMA. For owners.
%   RESPONSE = LISTGRANTS(CONNECTION, REQUEST, SECONDS) calls AccessService.ListGrants. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ListGrantsRequest
%       schema  char: The schema.
%       page_size  double: At most this many; 0: 1 000, also the maximum. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListGrantsResponse
%       grants  cell of Grant: The grants, by table, grantee and role.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('AccessService/ListGrants', request, varargin{:});
end
