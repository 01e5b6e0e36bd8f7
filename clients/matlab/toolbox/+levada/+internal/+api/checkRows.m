function response = checkRows(connection, request, varargin)
%CHECKROWS Return which of some rows could not be inserted together, and why; nothing is inserted.
%   LIMIT_REACHED beyond 20 000 rows, or 64 MB of memory once they are decoded.
%   RESPONSE = CHECKROWS(CONNECTION, REQUEST, SECONDS) calls RowService.CheckRows. SECONDS is a deadline, and may be
%   left out.
%
%   Request: CheckRowsRequest
%       name  TableName: The table.
%       options  InsertOptions: How to treat the rows.
%       arrow_ipc  uint8: The rows, as in InsertFewRowsRequest.
%
%   Response: CheckRowsResponse
%       faults  cell of RowFault: The rows at fault, in the order of the request; at most 20.
%       more  logical: Only the first 20 faults were looked for: there may be more.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/CheckRows', request, varargin{:});
end
