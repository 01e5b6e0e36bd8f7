function response = insertRelation(connection, request, varargin)
%INSERTRELATION Insert the entities of a relation, without sending them to the client.
%   RESPONSE = INSERTRELATION(CONNECTION, REQUEST, SECONDS) calls RowService.InsertRelation. SECONDS is a deadline, and
%   may be left out.
%
%   Request: InsertRelationRequest
%       name  TableName: The table.
%       relation  Relation: The relation to insert; its attributes are matched by name.
%       options  InsertOptions: How to treat the rows.
%       request_id  char: As in CreateSchemaRequest.
%       lease_token  char: As in InsertHeader.
%       read_receipt  uint8: As in FetchRelationRequest.
%
%   Response: InsertRelationResponse
%       row_count  int64: How many rows were inserted or replaced.
%       read_receipt  uint8: As in FetchRelationResponse.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/InsertRelation', request, varargin{:});
end
