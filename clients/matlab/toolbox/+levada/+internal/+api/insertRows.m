function response = insertRows(connection, requests)
%INSERTROWS Insert rows: the header first, then an Arrow IPC stream in pieces.
%   DUPLICATE_ENTITY, MISSING_PARENT, MISSING_ATTRIBUTE, WRONG_VALUE and UNKNOWN_ATTRIBUTE name the row, counted from
%   0.
%   RESPONSE = INSERTROWS(CONNECTION, REQUESTS) calls RowService.InsertRows. REQUESTS is a cell.
%
%   Request: InsertRowsRequest
%       header  InsertHeader: (one of `content`) The header.
%       arrow_ipc  uint8: (one of `content`) The next bytes of an Arrow IPC stream; columns are matched to attributes
%           by name, and each is cast to its attribute's type if that loses nothing. A missing column takes the
%           default.
%
%   Response: InsertRowsResponse
%       row_count  int64: How many rows were inserted or replaced.
%
%   Written by generate_stubs.py from proto/.

response = connection.send('RowService/InsertRows', requests);
end
