function response = dropSchema(connection, request, seconds)
%DROPSCHEMA Drop a schema with its tables, jobs and rows.
%   HAS_CHILDREN if tables of other schemas refer to it.
%   RESPONSE = DROPSCHEMA(CONNECTION, REQUEST, SECONDS) calls SchemaService.DropSchema.
%
%   Request: DropSchemaRequest
%       name  char: Its name.
%       request_id  char: As in CreateSchemaRequest.
%
%   Response: DropSchemaResponse
%       table_count  double: How many tables went with it.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.SchemaService/DropSchema');
end
response = levada.internal.call(connection, '/levada_api.v1.SchemaService/DropSchema', request, seconds);
end
