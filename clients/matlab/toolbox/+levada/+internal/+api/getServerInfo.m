function response = getServerInfo(connection, request, varargin)
%GETSERVERINFO Return the server's version and limits.
%   Requires no permission. Never fails while the server runs, whatever the client's version.
%   RESPONSE = GETSERVERINFO(CONNECTION, REQUEST, SECONDS) calls ServerService.GetServerInfo. SECONDS is a deadline,
%   and may be left out.
%
%   Request: GetServerInfoRequest
%       (no fields)
%
%   Response: GetServerInfoResponse
%       version  char: The server's version, `1.2.3`.
%       postgresql_version  char: Version of its PostgreSQL, `18.1`.
%       catalog_version  int64: The catalog's version; it grows with every declaration, alteration and drop.
%       embedded  logical: The server runs its own PostgreSQL in a data folder.
%       limits  Limits: The limits in force.
%       oldest_client_version  char: The oldest supported client, `1.2.3`; calls of older ones fail with
%           VERSION_MISMATCH.
%       features  cell of char: Names of features that this server has and the first server of its major version
%           lacked, in no order. A client checks for a name before it uses the feature, and ignores unknown names.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ServerService/GetServerInfo', request, varargin{:});
end
