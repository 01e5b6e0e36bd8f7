function response = listTables(connection, request, varargin)
%LISTTABLES List the tables of a schema, in an order in which they can be declared.
%   RESPONSE = LISTTABLES(CONNECTION, REQUEST, SECONDS) calls SchemaService.ListTables. SECONDS is a deadline, and may
%   be left out.
%
%   Request: ListTablesRequest
%       schema  char: The schema.
%       page_size  double: At most this many; 0: 1 000, also the maximum. Negative is refused.
%       page_token  char: `next_page_token` of the previous page; empty for the first.
%
%   Response: ListTablesResponse
%       tables  cell of Table: The tables, parents first.
%       next_page_token  char: For the next page; empty at the end.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/ListTables', request, varargin{:});
end
