function response = updateRow(connection, request, varargin)
%UPDATEROW Change secondary attributes of one entity.
%   NOT_FOUND if no entity has this key.
%   RESPONSE = UPDATEROW(CONNECTION, REQUEST, SECONDS) calls RowService.UpdateRow. SECONDS is a deadline, and may be
%   left out.
%
%   Request: UpdateRowRequest
%       name  TableName: The table.
%       row  cell of AttributeValue: The whole primary key, and the attributes to change. Null sets the default. Binary
%           for a json attribute is the text of the document; any other value is the document itself.
%       request_id  char: As in CreateSchemaRequest.
%       lease_token  char: As in InsertHeader.
%
%   Response: UpdateRowResponse
%       (no fields)
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/UpdateRow', request, varargin{:});
end
