function response = createSchema(connection, request, varargin)
%CREATESCHEMA Create a schema.
%   ALREADY_EXISTS if it exists, unless `allow_existing`.
%   RESPONSE = CREATESCHEMA(CONNECTION, REQUEST, SECONDS) calls SchemaService.CreateSchema. SECONDS is a deadline, and
%   may be left out.
%
%   Request: CreateSchemaRequest
%       name  char: The new schema's name.
%       allow_existing  logical: Succeed if it exists.
%       request_id  char: Chosen by the client, at most 64 bytes; a repeated request with the same id has one effect.
%           An id that was used with other content is refused. Optional.
%
%   Response: CreateSchemaResponse
%       schema  Schema: The schema.
%       created  logical: It did not exist before.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/CreateSchema', request, varargin{:});
end
