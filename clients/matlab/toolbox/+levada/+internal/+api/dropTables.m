function response = dropTables(connection, request, varargin)
%DROPTABLES Drop tables as planned.
%   PLAN_CHANGED if the graph changed since.
%   RESPONSE = DROPTABLES(CONNECTION, REQUEST, SECONDS) calls SchemaService.DropTables. SECONDS is a deadline, and may
%   be left out.
%
%   Request: DropTablesRequest
%       names  cell of TableName: The tables to drop, with everything that depends on them.
%       digest  char: Digest of the confirmed plan; empty: drop whatever there is.
%       request_id  char: As in CreateSchemaRequest.
%       ignore_masters  logical: As in PlanDropRequest.
%
%   Response: DropTablesResponse
%       names  cell of TableName: The dropped tables, children first.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/DropTables', request, varargin{:});
end
