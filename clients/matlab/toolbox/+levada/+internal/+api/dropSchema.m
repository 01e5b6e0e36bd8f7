function response = dropSchema(connection, request, varargin)
%DROPSCHEMA Drop a schema with its tables, jobs and rows.
%   HAS_CHILDREN if tables of other schemas refer to it.
%   RESPONSE = DROPSCHEMA(CONNECTION, REQUEST, SECONDS) calls SchemaService.DropSchema. SECONDS is a deadline, and may
%   be left out.
%
%   Request: DropSchemaRequest
%       name  char: Its name.
%       request_id  char: As in CreateSchemaRequest.
%
%   Response: DropSchemaResponse
%       table_count  double: How many tables were dropped with it.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/DropSchema', request, varargin{:});
end
