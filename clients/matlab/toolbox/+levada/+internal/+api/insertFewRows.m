function response = insertFewRows(connection, request, seconds)
%INSERTFEWROWS The same in one message, which is quicker for a few rows.
%   RESPONSE = INSERTFEWROWS(CONNECTION, REQUEST, SECONDS) calls RowService.InsertFewRows.
%
%   Request: InsertFewRowsRequest
%       header  InsertHeader: Where and how.
%       arrow_ipc  uint8: The whole Arrow IPC stream, as the pieces of InsertRowsRequest have it. At most about 1 MB.
%
%   Response: InsertFewRowsResponse
%       row_count  int64: How many rows were inserted or replaced.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.RowService/InsertFewRows');
end
response = levada.internal.call(connection, '/levada_api.v1.RowService/InsertFewRows', request, seconds);
end
