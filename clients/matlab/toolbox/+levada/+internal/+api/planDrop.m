function response = planDrop(connection, request, varargin)
%PLANDROP Return the tables that a drop would drop.
%   RESPONSE = PLANDROP(CONNECTION, REQUEST, SECONDS) calls SchemaService.PlanDrop. SECONDS is a deadline, and may be
%   left out.
%
%   Request: PlanDropRequest
%       names  cell of TableName: The tables to drop.
%       ignore_masters  logical: Also drop parts whose master stays; by default they are refused.
%
%   Response: PlanDropResponse
%       tables  cell of TableCount: All tables that would be dropped, children first.
%       digest  char: Identifies this plan.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('SchemaService/PlanDrop', request, varargin{:});
end
