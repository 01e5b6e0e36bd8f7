function response = updateSchema(connection, request, varargin)
%UPDATESCHEMA Change the settings of a schema.
%   UNKNOWN_SCHEMA.
%   RESPONSE = UPDATESCHEMA(CONNECTION, REQUEST, SECONDS) calls SchemaService.UpdateSchema. SECONDS is a deadline, and
%   may be left out.
%
%   Request: UpdateSchemaRequest
%       name  char: Its name.
%       make_contract  MakeContract: The contract of `make` in its tables. Unset: unchanged.
%       confidential  logical: The audit also has the reads of its tables. Unset: unchanged.
%
%   Response: UpdateSchemaResponse
%       schema  Schema: The schema.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/UpdateSchema', request, varargin{:});
end
