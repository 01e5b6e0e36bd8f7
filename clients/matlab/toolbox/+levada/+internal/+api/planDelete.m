function response = planDelete(connection, request, varargin)
%PLANDELETE Return everything that deleting the entities of a relation would delete.
%   RESPONSE = PLANDELETE(CONNECTION, REQUEST, SECONDS) calls RowService.PlanDelete. SECONDS is a deadline, and may be
%   left out.
%
%   Request: PlanDeleteRequest
%       relation  Relation: A table, restricted.
%       part_integrity  PartIntegrity: How to treat a part whose master stays.
%
%   Response: PlanDeleteResponse
%       tables  cell of TableCount: The tables that lose rows, leaves first.
%       digest  char: Identifies exactly these rows.
%
%   Written by generate_stubs.py from proto/.

response = connection.request('RowService/PlanDelete', request, varargin{:});
end
