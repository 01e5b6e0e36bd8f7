function response = listDiscoveries(connection, request, varargin)
%LISTDISCOVERIES List the discoveries of some tables, or of a schema: when each last looked for rows, and how that
%   ended.
%   RESPONSE = LISTDISCOVERIES(CONNECTION, REQUEST, SECONDS) calls JobService.ListDiscoveries. SECONDS is a deadline,
%   and may be left out.
%
%   Request: ListDiscoveriesRequest
%       names  cell of TableName: The tables, at most 1 000. Exactly one of this and `schema` is set.
%       schema  char: All tables of a schema from which the caller may fetch.
%
%   Response: ListDiscoveriesResponse
%       discoveries  cell of Discovery: The discoveries that began at least once, by schema and table.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('JobService/ListDiscoveries', request, varargin{:});
end
