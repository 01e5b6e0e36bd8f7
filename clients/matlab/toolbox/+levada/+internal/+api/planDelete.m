function response = planDelete(connection, request, seconds)
%PLANDELETE What deleting the entities of a relation would delete everywhere.
%   RESPONSE = PLANDELETE(CONNECTION, REQUEST, SECONDS) calls RowService.PlanDelete.
%
%   Request: PlanDeleteRequest
%       relation  Relation: A table, restricted.
%       part_integrity  PartIntegrity: What happens to a part whose master stays.
%
%   Response: PlanDeleteResponse
%       tables  cell of TableCount: The tables that lose rows, leaves first.
%       digest  char: Identifies exactly these rows.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.RowService/PlanDelete');
end
response = levada.internal.call(connection, '/levada_api.v1.RowService/PlanDelete', request, seconds);
end
