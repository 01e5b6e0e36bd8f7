function response = renameSchema(connection, request, seconds)
%RENAMESCHEMA Rename a schema; references follow.
%   UNKNOWN_SCHEMA, ALREADY_EXISTS.
%   RESPONSE = RENAMESCHEMA(CONNECTION, REQUEST, SECONDS) calls SchemaService.RenameSchema.
%
%   Request: RenameSchemaRequest
%       name  char: Its name now.
%       new_name  char: Its name afterwards.
%       request_id  char: As in CreateSchemaRequest.
%
%   Response: RenameSchemaResponse
%       schema  Schema: The schema.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.SchemaService/RenameSchema');
end
response = levada.internal.call(connection, '/levada_api.v1.SchemaService/RenameSchema', request, seconds);
end
