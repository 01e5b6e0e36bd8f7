function response = getGraph(connection, request, varargin)
%GETGRAPH Return the tables and foreign keys of some schemas or around some tables.
%   RESPONSE = GETGRAPH(CONNECTION, REQUEST, SECONDS) calls SchemaService.GetGraph. SECONDS is a deadline, and may be
%   left out.
%
%   Request: GetGraphRequest
%       schemas  cell of char: All tables of these schemas.
%       tables  cell of TableName: These tables as well.
%       ancestor_steps  double: Widen by this many steps towards parents, ≥ 0; -1: all ancestors.
%       descendant_steps  double: Widen by this many steps towards children, ≥ 0; -1: all descendants.
%
%   Response: GetGraphResponse
%       tables  cell of Table: The tables, parents first.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/GetGraph', request, varargin{:});
end
