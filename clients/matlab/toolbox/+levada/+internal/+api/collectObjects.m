function response = collectObjects(connection, request, varargin)
%COLLECTOBJECTS Remove objects that no row refers to: newly found objects go into quarantine, and are removed after a
%   day there.
%   RESPONSE = COLLECTOBJECTS(CONNECTION, REQUEST, SECONDS) calls ObjectService.CollectObjects. SECONDS is a deadline,
%   and may be left out.
%
%   Request: CollectObjectsRequest
%       dry_run  logical: Change nothing, only report what would be done.
%
%   Response: CollectObjectsResponse
%       quarantined_count  int64: Objects that no row refers to, now put into quarantine.
%       quarantined_bytes  int64: Their size in bytes.
%       deleted_count  int64: Objects that were in quarantine for a day, and expired uploads; now removed.
%       deleted_bytes  int64: Their size in bytes.
%       kept_because  char: Why no object in quarantine was removed, such as a backup that is made; empty if they were.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('ObjectService/CollectObjects', request, varargin{:});
end
