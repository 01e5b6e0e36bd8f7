function response = insertFewRows(connection, request, varargin)
%INSERTFEWROWS Insert rows in one message, which is quicker for a few rows.
%   RESPONSE = INSERTFEWROWS(CONNECTION, REQUEST, SECONDS) calls RowService.InsertFewRows. SECONDS is a deadline, and
%   may be left out.
%
%   Request: InsertFewRowsRequest
%       header  InsertHeader: The table, and how to treat the rows.
%       arrow_ipc  uint8: The whole Arrow IPC stream, as in the pieces of InsertRowsRequest. At most about 1 MB.
%
%   Response: InsertFewRowsResponse
%       row_count  int64: How many rows were inserted or replaced.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/InsertFewRows', request, varargin{:});
end
