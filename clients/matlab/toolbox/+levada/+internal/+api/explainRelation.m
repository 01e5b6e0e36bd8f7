function response = explainRelation(connection, request, seconds)
%EXPLAINRELATION The plan by which PostgreSQL would answer.
%   RESPONSE = EXPLAINRELATION(CONNECTION, REQUEST, SECONDS) calls QueryService.ExplainRelation.
%
%   Request: ExplainRelationRequest
%       relation  Relation: The relation.
%       analyze  logical: Run the query too, and tell times.
%
%   Response: ExplainRelationResponse
%       plan  char: PostgreSQL's plan as text.
%       statement  char: The statement that was compiled.
%
%   Written by generate_stubs.py from proto/.

if nargin < 3
    seconds = levada.internal.deadline('/levada_api.v1.QueryService/ExplainRelation');
end
response = levada.internal.call(connection, '/levada_api.v1.QueryService/ExplainRelation', request, seconds);
end
