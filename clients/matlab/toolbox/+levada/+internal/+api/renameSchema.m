function response = renameSchema(connection, request, varargin)
%RENAMESCHEMA Rename a schema; references follow.
%   UNKNOWN_SCHEMA, ALREADY_EXISTS.
%   RESPONSE = RENAMESCHEMA(CONNECTION, REQUEST, SECONDS) calls SchemaService.RenameSchema. SECONDS is a deadline, and
%   may be left out.
%
%   Request: RenameSchemaRequest
%       name  char: Its present name.
%       new_name  char: Its new name.
%       request_id  char: As in CreateSchemaRequest.
%
%   Response: RenameSchemaResponse
%       schema  Schema: The schema.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/RenameSchema', request, varargin{:});
end
