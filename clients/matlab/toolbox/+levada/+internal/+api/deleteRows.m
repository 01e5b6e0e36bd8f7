function response = deleteRows(connection, request, varargin)
%DELETEROWS Delete the entities of a relation and everything that depends on them.
%   PLAN_CHANGED if the rows changed since the plan, HAS_CHILDREN if part integrity forbids it.
%   RESPONSE = DELETEROWS(CONNECTION, REQUEST, SECONDS) calls RowService.DeleteRows. SECONDS is a deadline, and may be
%   left out.
%
%   Request: DeleteRowsRequest
%       relation  Relation: A table, restricted.
%       part_integrity  PartIntegrity: How to treat a part whose master stays.
%       digest  char: Digest of the confirmed plan; empty: delete whatever there is.
%       quick  logical: Do not cascade: HAS_CHILDREN if anything depends on the rows.
%       request_id  char: As in CreateSchemaRequest.
%       lease_token  char: As in InsertHeader.
%
%   Response: DeleteRowsResponse
%       tables  cell of TableCount: The tables that lost rows, leaves first.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/DeleteRows', request, varargin{:});
end
