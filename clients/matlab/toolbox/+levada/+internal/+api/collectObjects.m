function response = collectObjects(connection, request, varargin)
%COLLECTOBJECTS Remove what no row names: what is found for the first time is put into quarantine, what was there for a
%   day goes.
%   RESPONSE = COLLECTOBJECTS(CONNECTION, REQUEST, SECONDS) calls ObjectService.CollectObjects. SECONDS is a deadline,
%   and may be left out.
%
%   Request: CollectObjectsRequest
%       dry_run  logical: Change nothing, and tell what would be done.
%
%   Response: CollectObjectsResponse
%       quarantined_count  int64: Objects that no row names, put into quarantine now.
%       quarantined_bytes  int64: Their bytes.
%       deleted_count  int64: Objects that were in quarantine for a day, and uploads that expired; they are gone now.
%       deleted_bytes  int64: Their bytes.
%
%   Written by generate_stubs.py from proto/.

response = levada.internal.calls.call(connection, '/levada_api.v1.ObjectService/CollectObjects', request, varargin{:});
end
