function response = eraseRows(connection, request, varargin)
%ERASEROWS Delete the entities of a relation and everything that depends on them for good: also their jobs that a worker
%   holds, and at once the objects that no other row names.
%   For owners and administrators. Fails as DeleteRows.
%   RESPONSE = ERASEROWS(CONNECTION, REQUEST, SECONDS) calls RowService.EraseRows. SECONDS is a deadline, and may be
%   left out.
%
%   Request: EraseRowsRequest
%       relation  Relation: A table, restricted.
%       part_integrity  PartIntegrity: How to treat a part whose master stays.
%       digest  char: Digest of the confirmed plan of PlanDelete; empty: erase whatever there is.
%       request_id  char: As in CreateSchemaRequest.
%
%   Response: EraseRowsResponse
%       tables  cell of TableCount: The tables that lost rows, leaves first.
%       object_count  int64: How many objects were removed from their stores.
%       object_bytes  int64: Their size.
%       remaining_object_count  int64: How many objects could not be removed, because their store failed; the next
%           CollectObjects tries again.
%       kept_file_count  int64: How many registered files are forgotten, and stay where they are, because they are not
%           the server's own.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/EraseRows', request, varargin{:});
end
