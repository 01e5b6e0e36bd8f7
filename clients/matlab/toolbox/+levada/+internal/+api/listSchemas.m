function response = listSchemas(connection, request, varargin)
%LISTSCHEMAS List the schemas that the caller may see, by name.
%   RESPONSE = LISTSCHEMAS(CONNECTION, REQUEST, SECONDS) calls SchemaService.ListSchemas. SECONDS is a deadline, and
%   may be left out.
%
%   Request: ListSchemasRequest
%       page_size  double: At most this many; 0: 1 000, also the maximum. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListSchemasResponse
%       schemas  cell of Schema: The schemas, by name.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/ListSchemas', request, varargin{:});
end
